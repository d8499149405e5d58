# train.py - the rival of test/bench/train: the same model and step in PyTorch, nothing else.
#
#	python train.py MODEL THREADS PRECISION eager|compile STEPS
#
# One line: seconds of wall and of CPU of the median step after the first two, peak memory in MB,
# CPU seconds until the first step is done, less the median step. MODEL is L:d:heads:hidden:V:T:B:tied.
import resource, statistics, sys, time

import torch
from torch import nn
from torch.nn import functional as F

L, D, H, HID, V, T, B, TIED = map(int, sys.argv[1].split(":"))
THREADS, PRECISION, HOW, STEPS = int(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5])


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(D, 3 * D, bias=False)
        self.o = nn.Linear(D, D, bias=False)
        self.ug = nn.Linear(D, 2 * HID, bias=False)
        self.down = nn.Linear(HID, D, bias=False)

    def forward(self, x, cos, sin):
        n = x.shape[0]
        qkv = self.qkv(F.layer_norm(x, (D,)))
        q, k, v = (t.view(n, T, H, D // H).transpose(1, 2) for t in qkv.chunk(3, -1))

        def rope(t):
            a, b = t.chunk(2, -1)
            return t * cos + torch.cat((-b, a), -1) * sin

        q, k = rope(q.float()).type_as(v), rope(k.float()).type_as(v)
        att = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(att.transpose(1, 2).reshape(n, T, D))
        u, g = self.ug(F.layer_norm(x, (D,))).chunk(2, -1)
        return x + self.down(F.silu(g) * u)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte = nn.Embedding(V, D)
        self.blocks = nn.ModuleList(Block() for _ in range(L))
        self.head = nn.Linear(D, V, bias=False)
        if TIED:
            self.head.weight = self.wte.weight
        half = D // H // 2
        f = 1 / 10000 ** (torch.arange(half) / half)
        a = torch.outer(torch.arange(T).float(), f).repeat(1, 2)
        self.register_buffer("cos", a.cos())
        self.register_buffer("sin", a.sin())
        for p in self.parameters():
            nn.init.normal_(p, std=0.02)

    def forward(self, ids, labels):
        x = self.wte(ids)
        for b in self.blocks:
            x = b(x, self.cos, self.sin)
        logits = self.head(F.layer_norm(x, (D,)))
        return F.cross_entropy(logits.view(-1, V).float(), labels.view(-1))


torch.set_num_threads(THREADS)
torch.manual_seed(1)
model = Model()
step = torch.compile(model) if HOW == "compile" else model
opt = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), eps=1e-5, fused=True)
wall, cpu, first = [], [], 0.0
for i in range(STEPS):
    ids = torch.randint(V, (B, T + 1))
    w, c = time.time(), time.process_time()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=PRECISION == "bf16"):
        loss = step(ids[:, :-1], ids[:, 1:].contiguous())
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    opt.zero_grad(set_to_none=True)
    wall.append(time.time() - w)
    cpu.append(time.process_time() - c)
    first = first or time.process_time()
skip = min(2, STEPS - 1)
rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
print("%.4f %.4f %.0f %.2f" % (statistics.median(wall[skip:]), statistics.median(cpu[skip:]), rss, first - statistics.median(cpu[skip:])))
