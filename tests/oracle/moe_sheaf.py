#!/usr/bin/env python3
"""The forward pass of models/moe_sheaf.graph in NumPy float64, written from the text and sharing nothing with tokic,
against `tokic run --backend cpu`.

usage: moe_sheaf.py TOKIC GRAPH [BATCH...]       prints one line a case; exit 1 if any differs by more than 1e-12 relative
"""
import json, os, struct, subprocess, sys, tempfile
import numpy as np

IN, OUT, E, K, P, N, S = 96, 20, 4, 2, 2, 16, 1024.0
NONE = np.iinfo(np.int64).min

def read_safetensors(path):
    raw = open(path, "rb").read(); n = struct.unpack("<Q", raw[:8])[0]; head = json.loads(raw[8:8 + n]); base = 8 + n
    return {k: np.frombuffer(raw[base + v["data_offsets"][0]:base + v["data_offsets"][1]], "<f4").reshape(v["shape"]).copy()
            for k, v in head.items() if k != "__metadata__"}

def write_safetensors(path, tensors):
    head, data, at = {}, b"", 0
    for k, v in tensors.items():
        b = v.astype("<f4").tobytes(); head[k] = {"dtype": "F32", "shape": list(v.shape), "data_offsets": [at, at + len(b)]}; at += len(b); data += b
    h = json.dumps(head).encode(); open(path, "wb").write(struct.pack("<Q", len(h)) + h + data)

def layernorm(x, gamma, beta):
    m = x.mean(-1, keepdims=True); v = ((x - m) ** 2).mean(-1, keepdims=True)
    return (x - m) / np.sqrt(v + 1e-5) * gamma + beta

def gelu(x): return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))

def expert(x, w, e):
    i = 0; h = x
    while f"expert{e}.ln{i}.gamma" in w:
        h = gelu(layernorm(h @ w[f"expert{e}.lin{i}.weight"].T + w[f"expert{e}.lin{i}.bias"], w[f"expert{e}.ln{i}.gamma"], w[f"expert{e}.ln{i}.beta"])); i += 1
    return h @ w[f"expert{e}.lin{i}.weight"].T + w[f"expert{e}.lin{i}.bias"]

def encode(z):
    limit = (P ** N - 1) // 2; q = np.empty(z.shape, np.int64)
    for i, v in np.ndenumerate(z):
        q[i] = NONE if np.isnan(v) else int(np.clip(np.rint(np.clip(v * S, -2.0 ** 62, 2.0 ** 62)), -limit, limit))
    return q

def route(x, w):
    z = x @ w["router.weight"].T + w["router.bias"]; q = encode(z)
    back = np.where(q == NONE, np.nan, q / S)
    with np.errstate(invalid="ignore"):
        p = np.exp(back - back.max(-1, keepdims=True)); p /= p.sum(-1, keepdims=True)
    chosen = np.zeros(q.shape, bool)
    for r in range(q.shape[0]): chosen[r, sorted(range(E), key=lambda e: (-int(q[r, e]), e))[:K]] = True
    return z, q, p, chosen, p * chosen

def forward(x, w):
    w = {k: v.astype(np.float64) for k, v in w.items()}; x = x.astype(np.float64)
    z, q, p, chosen, weights = route(x, w); y = np.zeros((x.shape[0], OUT))
    for e in range(E):
        ye = expert(x, w, e)
        for r in range(x.shape[0]):
            if weights[r, e] != 0: y[r] += weights[r, e] * ye[r]
    return {"logits": y, "q": q, "w": weights, "chosen": chosen, "z": z}

def relative(a, b):
    if a.shape != b.shape or not np.array_equal(np.isnan(a), np.isnan(b)): return np.inf
    ok = ~np.isnan(b); a, b = a[ok], b[ok]
    if b.size == 0 or np.array_equal(a, b): return 0.0
    return np.abs(a - b).max() / np.abs(b).max()

def case(tokic, graph, name, batch, change=None, x=None, tmp=None):
    wfile, xfile = f"{tmp}/w.safetensors", f"{tmp}/x.npy"
    subprocess.run([tokic, "run", graph, "--backend", "cpu", "--init", "judge", "--batch", "1", "--save-weights", wfile, "-q"], check=True, stdout=subprocess.DEVNULL)
    w = read_safetensors(wfile)
    if change: change(w); write_safetensors(wfile, w)
    if x is None: x = np.random.default_rng(batch + 1).random((batch, IN)).astype(np.float32)
    np.save(xfile, x); want = forward(x, w); outs = []
    for k in want: outs += ["--output", f"{k}={tmp}/{k}.npy"]
    subprocess.run([tokic, "run", graph, "--backend", "cpu", "--weights", wfile, "--input", f"x={xfile}", "-q"] + outs, check=True, stdout=subprocess.DEVNULL)
    worst = 0.0
    for k in want:
        got = np.load(f"{tmp}/{k}.npy"); exact = want[k].dtype != np.float64
        assert exact or got.dtype == np.float64, f"{k} is {got.dtype}, not float64"
        err = (0.0 if np.array_equal(got, want[k]) else np.inf) if exact else relative(got, want[k]); worst = max(worst, err)
    print(f"{name:<22} batch {x.shape[0]:<4} worst relative error {worst:.2e}  {'ok' if worst <= 1e-12 else 'WRONG'}"); return worst <= 1e-12

def main():
    tokic, graph, batches = sys.argv[1], sys.argv[2], [int(b) for b in sys.argv[3:]] or [0, 1, 7, 128]; ok = True
    with tempfile.TemporaryDirectory() as tmp:
        for b in batches: ok &= case(tokic, graph, "plain", b, tmp=tmp)
        def saturate(w): w["router.weight"] *= 400
        def tie(w): w["router.weight"][:] = 0; w["router.bias"][:] = 0.25
        ok &= case(tokic, graph, "saturated scores", 16, saturate, tmp=tmp); ok &= case(tokic, graph, "tied scores", 5, tie, tmp=tmp)
        free = f"{tmp}/moe_sheaf.graph"; text = open(graph).read().split("\n")
        text = [l.split(" where ")[0] if l.startswith("input") and " where " in l else l for l in text]; open(free, "w").write("\n".join(text))
        x = np.random.default_rng(3).random((6, IN)).astype(np.float32); x[2, 17] = np.nan
        ok &= case(tokic, free, "a NaN in one row", 6, x=x, tmp=tmp)
    sys.exit(0 if ok else 1)

main()
