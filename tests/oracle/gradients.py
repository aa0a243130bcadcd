#!/usr/bin/env python3
"""Logits and gradients of moe_sheaf, moe_softmax and dense in NumPy float64, derived by hand and sharing nothing with
tokic, against `tokic run --backend cpu --grad`; then tokic's gradients against central differences of NumPy's own loss.

usage: gradients.py TOKIC MODELS [BATCH...]      prints one line a case; exit 1 if any is WRONG
"""
import json, os, struct, subprocess, sys, tempfile
import numpy as np

IN, OUT, E, K, LIMIT, S = 96, 20, 4, 2, 32767, 1024.0
C, A = np.sqrt(2 / np.pi), 0.044715


def read_safetensors(path):
    raw = open(path, "rb").read()
    size = struct.unpack("<Q", raw[:8])[0]
    head = json.loads(raw[8:8 + size])
    data = raw[8 + size:]
    return {k: np.frombuffer(data[slice(*v["data_offsets"])], "<f4").reshape(v["shape"]).astype(np.float64)
            for k, v in head.items() if k != "__metadata__"}


# ---- one expert ----
def expert(x, w, scope):
    """The result, and what backward needs of each layer."""
    h, tape, i = x, [], 0
    while f"{scope}ln{i}.gamma" in w:
        u = h @ w[f"{scope}lin{i}.weight"].T + w[f"{scope}lin{i}.bias"]
        d = np.sqrt(u.var(-1, keepdims=True) + 1e-5)
        n = (u - u.mean(-1, keepdims=True)) / d
        v = n * w[f"{scope}ln{i}.gamma"] + w[f"{scope}ln{i}.beta"]
        t = np.tanh(C * (v + A * v ** 3))
        tape.append((h, d, n, v, t))
        h, i = 0.5 * v * (1 + t), i + 1
    return h @ w[f"{scope}lin{i}.weight"].T + w[f"{scope}lin{i}.bias"], tape, h


def expert_back(gy, w, scope, tape, h, grads):
    """Adds the expert's gradients to grads; returns that of its input."""
    i = len(tape)
    grads[f"{scope}lin{i}.weight"] = gy.T @ h
    grads[f"{scope}lin{i}.bias"] = gy.sum(0)
    g = gy @ w[f"{scope}lin{i}.weight"]
    while i:
        i -= 1
        x, d, n, v, t = tape[i]
        g = g * (0.5 * (1 + t) + 0.5 * v * (1 - t ** 2) * C * (1 + 3 * A * v ** 2))
        grads[f"{scope}ln{i}.gamma"] = (g * n).sum(0)
        grads[f"{scope}ln{i}.beta"] = g.sum(0)
        g = g * w[f"{scope}ln{i}.gamma"]
        g = (g - g.mean(-1, keepdims=True) - n * (g * n).mean(-1, keepdims=True)) / d
        grads[f"{scope}lin{i}.weight"] = g.T @ x
        grads[f"{scope}lin{i}.bias"] = g.sum(0)
        g = g @ w[f"{scope}lin{i}.weight"]
    return g


# ---- the arms ----
def route(x, w, arm):
    z = x @ w["router.weight"].T + w["router.bias"]
    keys, passes = z, np.ones(z.shape, bool)
    if arm == "moe_sheaf":
        passes = np.abs(np.rint(z * S)) <= LIMIT
        keys = np.clip(np.rint(z * S), -LIMIT, LIMIT)
    back = keys / S if arm == "moe_sheaf" else z
    p = np.exp(back - back.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    chosen = np.zeros(z.shape, bool)
    for r in range(len(z)):
        chosen[r, sorted(range(E), key=lambda e: (-keys[r, e], e))[:K]] = True
    return p, chosen, passes


def loss_of(logits, y):
    return ((logits - y) ** 2).mean()


def forward(x, w, arm):
    if arm == "dense":
        return expert(x, w, "")[0]
    p, chosen, _ = route(x, w, arm)
    return sum((p * chosen)[:, [e]] * expert(x, w, f"expert{e}.")[0] for e in range(E))


def gradients(x, y, w, arm):
    """Logits and the gradient of the loss by x and by every tensor."""
    grads = {}
    if arm == "dense":
        logits, tape, h = expert(x, w, "")
        grads["x"] = expert_back(2 * (logits - y) / y.size, w, "", tape, h, grads)
        return logits, grads
    p, chosen, passes = route(x, w, arm)
    runs = [expert(x, w, f"expert{e}.") for e in range(E)]
    logits = sum((p * chosen)[:, [e]] * runs[e][0] for e in range(E))
    g = 2 * (logits - y) / y.size
    gx = 0
    gp = np.zeros(p.shape)
    for e, (ye, tape, h) in enumerate(runs):
        gp[:, e] = (g * ye).sum(-1) * chosen[:, e]
        gx = gx + expert_back(g * (p * chosen)[:, [e]], w, f"expert{e}.", tape, h, grads)
    gz = p * (gp - (gp * p).sum(-1, keepdims=True)) * passes
    grads["router.weight"] = gz.T @ x
    grads["router.bias"] = gz.sum(0)
    grads["x"] = gx + gz @ w["router.weight"]
    return logits, grads


# ---- against tokic ----
def relative(a, b):
    assert a.shape == b.shape and a.dtype == np.float64, (a.shape, b.shape, a.dtype)
    if np.array_equal(a, b):
        return 0.0
    return np.abs(a - b).max() / max(np.abs(b).max(), np.finfo(float).tiny)


def tokic_run(tokic, graph, tmp, batch, scale):
    """x, y, weights, and what tokic computes from them: logits and gradients by name."""
    make = [tokic, "run", graph, "--backend", "cpu", "--init", "judge", "-q"]
    quiet = {"check": True, "stdout": subprocess.DEVNULL}
    subprocess.run(make + ["--batch", "1", "--save-weights", f"{tmp}/w.safetensors"], **quiet)
    w = read_safetensors(f"{tmp}/w.safetensors")
    rng = np.random.default_rng(batch + 1)
    x, y = rng.random((batch, IN)).astype(np.float32), rng.random((batch, OUT)).astype(np.float32)
    np.save(f"{tmp}/x.npy", x)
    np.save(f"{tmp}/y.npy", y)
    names = ["logits"] + [f"grad:{k}" for k in list(w) + ["x"]]
    files = [f"{tmp}/{i}.npy" for i in range(len(names))]
    outs = [word for n, f in zip(names, files) for word in ("--output", f"{n}={f}")]
    subprocess.run(make + ["--weights", f"{tmp}/w.safetensors", "--input", f"x={tmp}/x.npy", "--input",
                           f"y={tmp}/y.npy", "--loss-scale", str(scale)] + outs, **quiet)
    got = {n.replace("grad:", ""): np.load(f) for n, f in zip(names, files)}
    return x.astype(np.float64), y.astype(np.float64), w, got


def say(what, arm, batch, worst, within):
    good = worst <= within
    print(f"{arm:<12} batch {batch:<4} {what:<46} {worst:.1e}  {'ok' if good else 'WRONG'}")
    return good


def exact_case(tokic, models, arm, batch, scale, tmp):
    x, y, w, got = tokic_run(tokic, f"{models}/{arm}.graph", tmp, batch, scale)
    logits, grads = gradients(x, y, w, arm)
    worst = max(relative(got[k], grads[k]) for k in grads)
    assert set(grads) == set(w) | {"x"}
    good = say("logits against NumPy, relative", arm, batch, relative(got["logits"], logits), 1e-12)
    return say(f"{len(grads)} gradients against NumPy, loss scale {scale:g}", arm, batch, worst, 1e-9) and good


def kind_of(name):
    """"lin.weight" of "expert0.lin1.weight"."""
    scope, tensor = name.split(".")[-2:]
    return f"{scope.rstrip('0123456789')}.{tensor}"


def difference_case(tokic, models, arm, batch, tmp):
    """Along 20 random directions, and at 200 coordinates of each kind of tensor."""
    x, y, w, got = tokic_run(tokic, f"{models}/{arm}.graph", tmp, batch, 1024)
    rng = np.random.default_rng(5)
    step = 1e-5

    def slope(change):
        def at(s):
            return loss_of(forward(x, {k: v + s * change[k] if k in change else v for k, v in w.items()}, arm), y)
        return (at(step) - at(-step)) / (2 * step)

    worst = 0.0
    for _ in range(20):
        change = {k: rng.standard_normal(v.shape) / np.sqrt(v.size) for k, v in w.items()}
        want = sum((got[k] * change[k]).sum() for k in w)
        worst = max(worst, abs(slope(change) - want) / max(1, abs(want)))
    good = say("20 directions against differences", arm, batch, worst, 1e-6)
    kinds = {}
    for k in w:
        kinds.setdefault(kind_of(k), []).append(k)
    worst = 0.0
    for names in kinds.values():
        for _ in range(200):
            k = names[rng.integers(len(names))]
            at = tuple(rng.integers(n) for n in w[k].shape)
            change = {k: np.zeros(w[k].shape)}
            change[k][at] = 1
            worst = max(worst, abs(slope(change) - got[k][at]) / max(np.abs(got[k]).max(), 1e-4))
    return say(f"{len(kinds)} kinds of tensors at 200 coordinates each", arm, batch, worst, 1e-6) and good


def main():
    tokic, models = sys.argv[1], sys.argv[2]
    batches = [int(b) for b in sys.argv[3:]] or [1, 7, 128]
    good = True
    with tempfile.TemporaryDirectory() as tmp:
        for arm in ("dense", "moe_softmax", "moe_sheaf"):
            for i, batch in enumerate(batches):
                good &= exact_case(tokic, models, arm, batch, (1024, 1, 65536)[i % 3], tmp)
        for arm in ("dense", "moe_softmax"):
            good &= difference_case(tokic, models, arm, 8, tmp)
    sys.exit(0 if good else 1)


main()
