# Made the other files of this folder: python3 make.py, with Hugging Face tokenizers 0.23.3.
# Not needed by anything else.
# chat.npy and chat.mask.npy: OLMo's scripts/prepare_tulu_data.py (commit 59a53e3f, tokenizers 0.23.3) with the
# rows of chat.jsonl for its data set, -t flags.json -s 96 --eos 0 --pad 5.
import json
import random
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

CL = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
      r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN = CL.replace("{1,3}", "")
A, B, C = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]", "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
O200K = (r"[^\r\n\p{L}\p{N}]?" + A + "*" + B + "+" + C + r"|[^\r\n\p{L}\p{N}]?" + A + "+" + B + "*" + C +
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
ALL = sorted(pre_tokenizers.ByteLevel.alphabet())


def tokenizer(split, nfc, **model):
    t = Tokenizer(models.BPE(**model))
    if nfc:
        t.normalizer = normalizers.NFC()
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=split is None)
    t.pre_tokenizer = byte_level if split is None else pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(split), "isolated"), byte_level])
    t.decoder = decoders.ByteLevel()
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    return t


def train(t, **kw):
    t.train(["corpus.txt"], trainers.BpeTrainer(show_progress=False, **kw))
    return t


def texts():
    r = random.Random(1)
    corpus = open("corpus.txt", encoding="utf-8", newline="").read()
    rare = "\u0301\u0323\u1100\u1161\u11a8\u212b\uac00\u0344\u1df6\u08d3\U00031350\U0001e4d0\u0899\u0085\u3000\u200b\ufeff\x00\x1c"
    special = ["<|endoftext|>", "<|pad", "|||IP_ADDRESS|||", "||", "foo", "the", "<L>", "<R>", "<B>", "~~", "  ", "   "]
    out = ["", " ", "  ", "\n", "a", "\u0301", "'s", "'S", "'\u017f", "a  b", "foo", "xfoo", "foo x", " <L>", "<R> \n"]
    while len(out) < 700:
        s = ""
        for _ in range(r.randrange(1, 6)):
            k = r.randrange(5)
            if k == 0:
                i = r.randrange(len(corpus))
                s += corpus[i:i + r.randrange(1, 25)]
            elif k == 1:
                s += r.choice(special)
            elif k == 2:
                s += " " * r.randrange(9) + r.choice("\t\n\r \u00a0") * r.randrange(3)
            elif k == 3:
                s += "".join(r.choice(rare) for _ in range(r.randrange(1, 4)))
            else:
                s += r.choice("'\u2019") + r.choice(["s", "t", "re", "VE", "Ll", "d", "\u017f", "x"])
        out.append(s)
    return out


FLAGS = [AddedToken("foo", single_word=True, normalized=False), AddedToken("<L>", lstrip=True, normalized=False),
         AddedToken("<R>", rstrip=True, normalized=False), AddedToken("<B>", lstrip=True, rstrip=True),
         AddedToken("  "), AddedToken("   ", rstrip=True), AddedToken("the", single_word=True, lstrip=True),
         AddedToken("A\u030a"), AddedToken("~~", single_word=True, rstrip=True, normalized=False),
         AddedToken("|||IP_ADDRESS|||", normalized=False)]
cases = texts()
with open("cases.jsonl", "w") as f:
    f.writelines(json.dumps(s) + "\n" for s in cases)
made = {"flags": tokenizer(None, True), "cl100k": tokenizer(CL, False, ignore_merges=True), "qwen2": tokenizer(QWEN, True)}
for name, t in made.items():
    train(t, vocab_size=420, initial_alphabet=ALL, special_tokens=["<|endoftext|>"])
    if name == "flags":
        t.add_tokens(FLAGS)
    t.save(name + ".json", pretty=False)
    with open(name + ".ids.jsonl", "w") as f:
        f.writelines(json.dumps(t.encode(s, add_special_tokens=False).ids, separators=(",", ":")) + "\n" for s in cases)
with open("flags.text.jsonl", "w") as f:
    t = made["flags"]
    f.writelines(json.dumps(t.decode(t.encode(s).ids, skip_special_tokens=True), ensure_ascii=False) + "\n" for s in cases)

# Words by case: capitals, titles, letters without case, marks, slashes behind punctuation.
def words():
    r = random.Random(2)
    bits = ["a", "b", "the", "X", "HTTP", "\u01c5", "\u02b0", "\u00aa", "\u6f22", "\u05d0", "\u0301", "\u0903", "\U000e0100",
            "\u00e9", "\u00c9", "\U0001e922", "\U0001e900", "\u1c89", "\u1c8a", "'s", "'S", "'ll", "'\u017f", "'", "/", "//", "\n", "\r\n",
            " ", "  ", "\t", "!", "-", "1", "2345", "\u00bd", "\u0897", "<|endoftext|>"]
    return ["".join(r.choice(bits) for _ in range(r.randrange(1, 9))) for _ in range(500)]


t = train(tokenizer(O200K, False, ignore_merges=True), vocab_size=420, initial_alphabet=ALL, special_tokens=["<|endoftext|>"])
t.save("o200k.json", pretty=False)
with open("o200k.cases.jsonl", "w") as f:
    f.writelines(json.dumps(s) + "\n" for s in cases[::5] + words())
with open("o200k.ids.jsonl", "w") as f:
    f.writelines(json.dumps(t.encode(s, add_special_tokens=False).ids, separators=(",", ":")) + "\n"
                 for s in map(json.loads, open("o200k.cases.jsonl")))

train(tokenizer(None, False), vocab_size=500).save("train-seen.json", pretty=False)
# Special tokens that are what merges make, too: ids are used again, and merges repeat.
train(tokenizer(None, True), vocab_size=420, min_frequency=2, initial_alphabet=ALL,
      special_tokens=["<|endoftext|>", "the", "aa", "\u0120"]).save("train-reuse.json", pretty=False)
train(tokenizer(CL, False), vocab_size=450, min_frequency=4, initial_alphabet=ALL).save("train-cl100k.json", pretty=False)
