"""Does `train --probe` compute what OLMo's own package computes?  Not part of the tests: it needs Python, torch and ai2-olmo.

olmo_equal.py BIN      BIN is the folder of train

For each configuration: a small model of the package with random weights (norms and biases too), saved as its trainer
saves it (config.yaml, model.pt), then logits, loss and gradients of both, fp32.  A row says the largest differences,
and the largest share of a gradient's tolerance, 1e-5 of the largest of the tensor + 1e-6.  Then the other way round:
checkpoints that train has written, loaded by the package, and their logits.  Configurations that train refuses come
last, under what it says.  Status 1 when something differs by more than the tolerance.
"""
import dataclasses
import importlib.abc
import importlib.machinery
import json
import os
import struct
import subprocess
import sys
import tempfile
from unittest.mock import MagicMock

import yaml


class Unused(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """What the package imports for storage and data sets: a model needs none of it."""
    names = {"boto3", "botocore", "cached_path", "datasets", "google", "requests", "rich", "torchmetrics"}

    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in self.names:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        m = MagicMock(name=spec.name)
        m.__path__, m.__spec__, m.__name__ = [], spec, spec.name
        return m

    def exec_module(self, module):
        pass


sys.meta_path.insert(0, Unused())
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from olmo.config import ModelConfig  # noqa: E402
from olmo.model import OLMo  # noqa: E402
from olmo.version import VERSION  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

LOGITS = 2e-5
BASE = dict(d_model=32, n_heads=4, n_layers=2, mlp_hidden_size=48, max_sequence_length=32, vocab_size=96, embedding_size=128,
            eos_token_id=0, pad_token_id=1, rope=True, alibi=False, activation_type="swiglu", block_type="sequential",
            attention_dropout=0.0, residual_dropout=0.0, embedding_dropout=0.0, init_device="cpu", weight_tying=False,
            include_bias=False, bias_for_layer_norm=False, layer_norm_with_affine=False,
            attention_layer_norm_with_affine=False)
AFFINE = dict(layer_norm_with_affine=True, bias_for_layer_norm=True)
OLMO2 = dict(layer_norm_type="rms", attention_layer_norm=True, norm_after=True)


def configs():
    tri = (False, True, None)
    for t in ("default", "low_precision", "rms"):
        for affine in (False, True):
            for bias in tri:
                for include in (False, True):
                    for tied in (False, True):
                        yield dict(layer_norm_type=t, layer_norm_with_affine=affine, bias_for_layer_norm=bias, include_bias=include,
                                   weight_tying=tied)
            for clip in (0.3, 8.0):
                for kv in (4, 2, 1):
                    yield dict(layer_norm_type=t, layer_norm_with_affine=affine, bias_for_layer_norm=affine and t != "rms",
                               clip_qkv=clip, n_kv_heads=kv)
    for affine in (False, True):
        for qk in (False, True):
            for kv in (4, 2, 1):
                for clip in (None, 0.3):
                    yield dict(OLMO2, layer_norm_with_affine=affine, attention_layer_norm_with_affine=qk, n_kv_heads=kv, clip_qkv=clip)
    for k in ({"multi_query_attention": True}, {"rope_theta": 500000}, {"layer_norm_eps": 1e-3, "weight_tying": True}, {"block_group_size": 2},
              {"mlp_hidden_size": None, "mlp_ratio": 3}, {"rope": False}, {"rope": False, "alibi": True}, {"scale_logits": True},
              {"embedding_layer_norm": True}, {"activation_type": "gelu"}, {"block_type": "llama"}, {"rope_full_precision": False},
              {"norm_after": True}, {"attention_layer_norm": True, "attention_layer_norm_with_affine": True}):
        yield dict(AFFINE, **k)
    yield dict(layer_norm_type="rms", layer_norm_with_affine=True, layer_norm_eps=1e-3)
    yield dict(layer_norm_type="rms", layer_norm_with_affine=True, norm_after=True)
    yield dict(layer_norm_type="rms", layer_norm_with_affine=True, attention_layer_norm=True, attention_layer_norm_with_affine=True)


def hf_names(cfg, name, t):
    """(Hugging Face's name, part of t) of a tensor of the package."""
    w = name.split(".")
    if w[1] == "block_groups":
        w = ["transformer", "blocks", str(int(w[2]) * cfg.block_group_size + int(w[3])), *w[4:]]
    if w[1] != "blocks":
        return [({"wte": "model.embed_tokens", "ff_out": "lm_head", "ln_f": "model.norm"}[w[1]] + "." + w[-1], t)]
    kv = cfg.effective_n_kv_heads * (cfg.d_model // cfg.n_heads)
    parts = {"att_proj": (["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"], (cfg.d_model, kv, kv)),
             "ff_proj": (["mlp.up_proj", "mlp.gate_proj"], (t.shape[0] // 2, t.shape[0] // 2))}
    one = {"attn_out": "self_attn.o_proj", "ff_out": "mlp.down_proj", "q_norm": "self_attn.q_norm", "k_norm": "self_attn.k_norm",
           "attn_norm": "post_attention_layernorm" if cfg.norm_after else "input_layernorm",
           "ff_norm": "post_feedforward_layernorm" if cfg.norm_after else "post_attention_layernorm"}
    names, sizes = parts.get(w[3]) or ([one[w[3]]], (t.shape[0],))
    return [(f"model.layers.{w[2]}.{n}.{w[-1]}", part) for n, part in zip(names, t.split(sizes))]


def random_model(cfg, seed):
    torch.manual_seed(seed)
    m = OLMo(cfg)
    with torch.no_grad():
        for name, p in m.named_parameters():
            r = torch.randn(p.shape)
            norm = "norm" in name or "ln_f" in name
            p.copy_(1 + 0.3 * r if norm and name.endswith("weight") else 0.25 * r)
    return m


def probe(train, folder, ids, what):
    out = os.path.join(folder, "out.safetensors")
    with open(os.path.join(folder, "ids"), "w") as f:
        f.writelines(json.dumps(row) + "\n" for row in ids.tolist())
    r = subprocess.run([train, "--probe", folder, "--ids", f.name, "--dump", what, "-o", out, "-f"], capture_output=True, text=True)
    if r.returncode != 0:
        return None, r.stderr.strip().removeprefix("train: ").replace(folder + "/", "")
    return load_file(out), ""


def compare(train, folder, kw, seed, ids):
    """A row of numbers, or what train says against the configuration."""
    cfg = ModelConfig(**dict(BASE, **kw))
    m = random_model(cfg, seed)
    logits = m(ids).logits
    loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    loss.backward()
    with open(os.path.join(folder, "config.yaml"), "w") as f:
        yaml.safe_dump({"model": json.loads(json.dumps(cfg.asdict()))}, f)
    torch.save(m.state_dict(), os.path.join(folder, "model.pt"))
    got, why = probe(train, folder, ids, "logits,loss,grads")
    if got is None:
        return why
    left = {k for k in got if k.startswith("grad.")}
    n = worst = share = 0
    for name, p in m.named_parameters():
        own = next((k for k in ("grad." + name, "grad.model." + name) if k in got), None)
        for k, want in [(own, p.grad)] if own else [("grad." + k, t) for k, t in hf_names(cfg, name, p.grad)]:
            d = (got[k].view_as(want) - want).abs().max().item()
            worst = max(worst, d)
            share = max(share, d / (1e-5 * want.abs().max().item() + 1e-6))
            left.remove(k)
            n += 1
    assert not left, left
    return (got["logits"].view_as(logits) - logits).abs().max().item(), abs(got["mean_loss"].item() - loss.item()), n, worst, share


def written(train, folder, kw, ids):
    """Train a few steps; the package reads the checkpoint."""
    with open(os.path.join(folder, "a.npy"), "wb") as f:
        f.write(b"".join(struct.pack("<H", 2 + i * i % 90) for i in range(900)))
    conf = {"model": dict(BASE, **kw), "data": {"paths": [f.name]}, "max_duration": 6, "global_train_batch_size": 4,
            "optimizer": {"learning_rate": 0.05, "decay_norm_and_bias": True}}
    with open(os.path.join(folder, "c.yaml"), "w") as f:
        yaml.safe_dump(conf, f)
    subprocess.run([train, "-q", "-c", f.name, "-o", os.path.join(folder, "run")], check=True)
    run = os.path.realpath(os.path.join(folder, "run", "latest"))
    with open(os.path.join(run, "config.json")) as f:
        j = json.load(f)
    known = {k.name for k in dataclasses.fields(ModelConfig)}
    m = OLMo(ModelConfig(**dict({k: v for k, v in j.items() if k in known}, init_device="cpu")))
    m.load_state_dict({k.removeprefix("model."): v for k, v in load_file(os.path.join(run, "model.safetensors")).items()}, strict=True)
    got, why = probe(train, run, ids, "logits")
    assert got is not None, why
    want = m.eval()(ids).logits
    return (got["logits"].view_as(want) - want).abs().max().item()


def label(kw):
    return " ".join(f"{k}={json.dumps(v).strip(chr(34))}" for k, v in kw.items())


def main(bin_dir):
    train, bad, refused, rows = os.path.join(bin_dir, "train"), 0, {}, 0
    ids = torch.randint(2, 96, (2, 32), generator=torch.Generator().manual_seed(7))
    print(f"# ai2-olmo {VERSION}, torch {torch.__version__}, CPU, fp32\n# logits  loss     grads n, max   share  configuration")
    for seed, kw in enumerate(configs()):
        with tempfile.TemporaryDirectory() as folder:
            r = compare(train, folder, kw, seed, ids)
        if isinstance(r, str):
            refused.setdefault(r, []).append(label(kw))
            continue
        ok = r[0] <= LOGITS and r[4] <= 1
        bad, rows = bad + (not ok), rows + 1
        print(f"{r[0]:.2e}  {r[1]:.2e}  {r[2]:2d} {r[3]:.2e}  {r[4]:.3f}  {label(kw)}{'' if ok else '  DIFFERS'}")
    print("# checkpoints of train, read by the package: logits")
    for kw in (AFFINE, dict(AFFINE, bias_for_layer_norm=False, clip_qkv=0.5, n_kv_heads=2), dict(layer_norm_type="rms", layer_norm_with_affine=True,
               clip_qkv=0.5), dict(OLMO2, layer_norm_with_affine=True, attention_layer_norm_with_affine=True, clip_qkv=0.5),
               dict(OLMO2, clip_qkv=0.5, weight_tying=True)):
        with tempfile.TemporaryDirectory() as folder:
            d = written(train, folder, kw, ids[:, :32])
        bad, rows = bad + (d > LOGITS), rows + 1
        print(f"{d:.2e}  {label(kw)}{'' if d <= LOGITS else '  DIFFERS'}")
    for why, names in refused.items():
        print(f"# refused, {len(names)}: {why}")
        for name in names if len(names) <= 4 else []:
            print(f"#   {name}")
    print(f"# {rows} compared, {bad} differ, {sum(map(len, refused.values()))} refused")
    return 1 if bad else 0


sys.exit(main(sys.argv[1]))
