"""Are the ids those of Hugging Face's library?  Not part of the tests: it needs Python and tokenizers.

hf_equal.py make KIND SAMPLE.jsonl OUT.json   train a byte-level tokenizer with one of the regexes
hf_equal.py texts CASES.jsonl TOK.json BIN [P]  count equal cases of a file with a JSON string a line
hf_equal.py docs DOCS.jsonl TOK.json BIN [P]  the same for documents (their text, stripped)

BIN is the folder of tokenize, P its --profile (C).  One line of TSV: tokenizer, file, texts equal, texts, ids equal, ids, bytes.
The first few texts that differ go to standard error; status 1 when there are some.
"""
import itertools
import json
import os
import subprocess
import sys

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

CL100K = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
# regex, NFC, ignore_merges, behaviour and inversion of the Split, added tokens
KINDS = {
    "gpt2": (None, False, False, None, ["<|endoftext|>"]),
    "llama3": (CL100K, False, True, ("isolated", False), ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"]),
    "dolma2": (CL100K, False, False, ("removed", True), ["<|endoftext|>", "<|fim_prefix|>", "|||IP_ADDRESS|||"]),
    "qwen2": (CL100K.replace("{1,3}", ""), True, False, ("isolated", False), ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]),
    "o200k": (O200K, False, True, ("removed", True), ["<|endoftext|>", "<|endofprompt|>"]),
}
BATCH = 256


def texts_of(path, docs):
    with open(path, encoding="utf-8") as f:
        for line in f:
            v = json.loads(line)
            if docs:
                v = v["text"].strip()
            if v or not docs:
                yield v


def make(kind, sample, out):
    regex, nfc, ignore, split, added = KINDS[kind]
    t = Tokenizer(models.BPE(ignore_merges=ignore))
    if nfc:
        t.normalizer = normalizers.NFC()
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=regex is None)
    t.pre_tokenizer = byte_level if regex is None else pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(regex), split[0], invert=split[1]), byte_level])
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(texts_of(sample, True), trainers.BpeTrainer(
        vocab_size=32000, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False))
    t.add_special_tokens([AddedToken(a, normalized=False, special=True) for a in added])
    t.save(out, pretty=False)


def compare(path, tok, bin_dir, profile="C", docs=False):
    t = Tokenizer.from_file(tok)
    encode = getattr(t, "encode_batch_fast", t.encode_batch)  # without offsets, since 0.20
    kind = ["--input", "docs", "--format", "ids", "--eos-id", "none"] if docs else ["--input", "strings"]
    ours = subprocess.Popen([os.path.join(bin_dir, "tokenize"), "-q", "-t", tok, "--profile", profile, *kind, path], stdout=subprocess.PIPE)
    n = same = n_ids = same_ids = size = 0
    texts = texts_of(path, docs)
    while batch := list(itertools.islice(texts, BATCH)):
        for text, e in zip(batch, encode(batch, add_special_tokens=False)):
            want, got = e.ids, json.loads(ours.stdout.readline())
            size += len(text.encode())
            n += 1
            n_ids += len(want)
            if want == got:
                same += 1
                same_ids += len(want)
            elif n - same <= 5:
                i = next((i for i, (a, b) in enumerate(zip(want, got)) if a != b), min(len(want), len(got)))
                print(f"# {path} text {n}, id {i}: {want[i:i + 5]} here {got[i:i + 5]}", file=sys.stderr)
    whole = ours.stdout.read() == b"" and ours.wait() == 0
    print(os.path.basename(tok), os.path.basename(path), same, n, same_ids, n_ids, size, sep="\t", flush=True)
    return 0 if whole and same == n else 1


if sys.argv[1] == "version":
    print("tokenizers", tokenizers.__version__)
elif sys.argv[1] == "make":
    make(*sys.argv[2:])
else:
    sys.exit(compare(*sys.argv[2:], docs=sys.argv[1] == "docs"))
