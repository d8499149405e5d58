# Token files by their own programs, from the same documents: python3 make.py WHICH TOK.json DOCS.jsonl OUT
# Made the other files of this folder with TOK.json = ../tokenizer/cl100k.json and DOCS = docs.jsonl:
#   datatrove   datatrove 0.10.1, tokenizers 0.23.3, humanize 4.17.0: its DocumentTokenizer
#   megatron    megatron-core 0.16.1: its IndexedDatasetBuilder, a sequence a document and two
#   llmc        llm.c, dev/data/data_common.py (commit f1e2ace) on PYTHONPATH
#   nanogpt     nanoGPT, data/openwebtext/prepare.py (commit 3adf61e) as ./prepare.py, run over a stand-in for
#               the data set and for tiktoken
#   numpy       numpy 2.4.6
#   dolma       dolma 1.2.1, tokenizers 0.19.1: its command "dolma tokens"
# The product and its tests need none of this.
import json
import os
import runpy
import subprocess
import sys
import types

which, tok, docs, out = sys.argv[1:]
EOS = 0


def rows():
    with open(docs) as f:
        return [json.loads(line) for line in f]


def ids():
    from tokenizers import Tokenizer
    t = Tokenizer.from_file(tok)
    return [t.encode(r["text"], add_special_tokens=False).ids + [EOS] for r in rows()]


def datatrove():
    from datatrove.data import Document
    from datatrove.pipeline.tokens.tokenizer import DocumentTokenizer
    data = [Document(text=r["text"], id=r["id"], metadata={"no_loss_ranges": r["metadata"]["no_loss"]}) for r in rows()]
    for loss in (False, True):
        DocumentTokenizer(out, tok, save_filename="loss" if loss else "trove", eos_token="<|endoftext|>",
                          shuffle_documents=False, save_loss_metadata=loss).run(iter(data))


def megatron():
    import numpy
    import torch
    from megatron.core.datasets.indexed_dataset import IndexedDatasetBuilder
    for name, dtype in ("megatron16", numpy.uint16), ("megatron32", numpy.int32):
        b = IndexedDatasetBuilder(out + "/" + name + ".bin", dtype=dtype)
        for x in ids():
            b.add_document(torch.tensor(x), [len(x)])
        b.finalize(out + "/" + name + ".idx")
    b = IndexedDatasetBuilder(out + "/megatron-sentences.bin", dtype=numpy.uint16)
    for x in ids():
        b.add_document(torch.tensor(x), [len(x) // 2, len(x) - len(x) // 2])
    b.finalize(out + "/megatron-sentences.idx")


def flat():
    return [i for x in ids() for i in x]


def llmc():
    from data_common import write_datafile
    write_datafile(out + "/llmc16.bin", flat(), "gpt-2")
    write_datafile(out + "/llmc32.bin", flat(), "llama-3")


class Data:
    """As much of datasets.Dataset as prepare.py asks for."""

    def __init__(self, items):
        self.items = items

    def train_test_split(self, **kw):
        return Split(train=self, test=Data(self.items[:1]))

    def map(self, fn, **kw):
        return Data([fn(x) for x in self.items])

    def __getitem__(self, key):
        return [x[key] for x in self.items]

    def shard(self, num_shards, index, contiguous):
        size = -(-len(self.items) // num_shards)  # a shard without documents: one without ids
        return Data(self.items[index * size:(index + 1) * size] or [{"ids": []}])

    def with_format(self, form):
        return self


class Split(dict):
    def map(self, fn, **kw):
        return Split({k: v.map(fn) for k, v in self.items()})


def nanogpt():
    from tokenizers import Tokenizer
    t = Tokenizer.from_file(tok)
    enc = types.SimpleNamespace(encode_ordinary=lambda s: t.encode(s, add_special_tokens=False).ids, eot_token=EOS)
    sys.modules["tiktoken"] = types.SimpleNamespace(get_encoding=lambda name: enc)
    sys.modules["datasets"] = types.SimpleNamespace(load_dataset=lambda *a, **k: {"train": Data(rows())})
    runpy.run_path("prepare.py", run_name="__main__")
    os.rename("train.bin", out + "/nanogpt.bin")
    os.unlink("val.bin")


def numpy():
    import numpy as np
    np.save(out + "/numpy16.npy", np.array(flat(), dtype=np.uint16))
    np.save(out + "/numpy32.npy", np.array(flat(), dtype=np.uint32))


def dolma():
    with open(tok) as f:
        t = json.load(f)
    t["model"]["merges"] = [m if isinstance(m, str) else " ".join(m) for m in t["model"]["merges"]]
    old = out + "/old.json"  # as releases before 0.20 write it
    with open(old, "w") as f:
        json.dump(t, f)
    subprocess.run(["dolma", "tokens", "--documents", docs, "--destination", out + "/dolma.d", "--tokenizer.name_or_path",
                    old, "--tokenizer.eos_token_id", str(EOS), "--tokenizer.pad_token_id", "1", "--processes", "1",
                    "--dtype", "uint16", "--seed", "3"], check=True)
    os.rename(out + "/dolma.d/part-0-00000.npy", out + "/dolma.npy")
    os.rename(out + "/dolma.d/part-0-00000.csv.gz", out + "/dolma.csv.gz")
    os.rmdir(out + "/dolma.d")
    os.unlink(old)


globals()[which]()
