"""MB/s of other tokenizers on the same documents, and whether their ids are ours.

tokenize_rivals.py TOK.json IDS.. where each IDS is made by `tokenize --format ids --eos-id none` of the
file DOCS that follows it: tokenize_rivals.py TOK.json a.ids a.jsonl b.ids b.jsonl.
CPU seconds of one thread: the first pass of a fresh object, median of three, and the median of five
more.  With THREADS=N in the environment: gigatoken alone, on N threads, by the clock.  What is not
installed is left out, aloud.
"""
import json
import os
import statistics
import sys
import time

THREADS = int(os.environ.get("THREADS", "1"))
os.environ.setdefault("RAYON_NUM_THREADS", str(THREADS))
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
HF_BYTES = 3_000_000
clock = time.process_time if THREADS == 1 else time.perf_counter


def gigatoken(tok):
    import gigatoken as g

    t = g.Tokenizer(tok)
    t.encode_batch([b"a"], parallel=THREADS > 1)
    return lambda texts: t.encode_batch(texts, parallel=THREADS > 1)


def fastokens(tok):
    import fastokens as f

    t = f.Tokenizer.from_file(tok)
    return lambda texts: [t.encode(s) for s in texts]


def tokenizers(tok):
    from tokenizers import Tokenizer

    t = Tokenizer.from_file(tok)
    return lambda texts: t.encode_batch(texts, add_special_tokens=False)


def id_list(x):
    return list(getattr(x, "ids", x))


def measure(name, make, tok, texts, ids):
    if name == "tokenizers":
        n = 0
        for k, s in enumerate(texts):
            n += len(s.encode())
            if n > HF_BYTES:
                break
        texts, ids = texts[: k + 1], ids[: k + 1]
    mb = sum(len(s.encode()) for s in texts) / 1e6
    if name == "gigatoken":
        texts = [s.encode() for s in texts]
    first, took = [], []
    for _ in range(1 if name == "tokenizers" else 3):
        run = make(tok)
        got = None  # what is freed does not count
        start = clock()
        got = run(texts)
        first.append(clock() - start)
    for _ in range(1 if name == "tokenizers" else 5):
        got = None
        start = clock()
        got = run(texts)
        took.append(clock() - start)
    differ = sum(id_list(a) != b for a, b in zip(got, ids))
    return mb / statistics.median(first), mb / statistics.median(took), differ, len(texts)


def main():
    tok, rest = sys.argv[1], sys.argv[2:]
    for name, make in ("gigatoken", gigatoken), ("fastokens", fastokens), ("tokenizers", tokenizers):
        if THREADS > 1 and name != "gigatoken":
            continue
        try:
            make(tok)
        except Exception as e:  # not installed, or it cannot read the file
            print(f"# {name}: left out: {e}")
            continue
        for ids, docs in zip(rest[::2], rest[1::2]):
            with open(docs) as f:
                texts = [json.loads(line)["text"].strip() for line in f]
            texts = [s for s in texts if s]
            with open(ids) as f:
                want = [json.loads(line) for line in f]
            first, warm, differ, n = measure(name, make, tok, texts, want)
            print(f"{name}\t{os.path.basename(docs)}\t{first:.0f}\t{warm:.0f}\t{differ} of {n}", flush=True)


main()
