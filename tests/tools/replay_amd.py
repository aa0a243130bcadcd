#!/usr/bin/env python3
"""Replays launches that `tokic verify --device emu:gfx90a --dump-launches DIR` saved, from the AMD code object, in an outside emulator of the AMD
instruction set, and compares what they write: bit for bit with tokic's own emulation in kernels without matrix instructions (subnormal f32 aside, which
that emulator flushes), else with the reference, within the bound that tokic computed (outK.want.npy, outK.bound.npy).

usage: replay_amd.py DIR AMD_ISA.py [FIRST LAST]     AMD_ISA.py: a program that runs one kernel of a code object (see its usage)
"""
import json, os, subprocess, sys, tempfile
import numpy as np

DTYPE = {"f16": "f2", "f32": "f4", "f64": "f8", "i32": "i4", "i64": "i8", "bool": "u1"}

def compare(got, want, ref):
    if got.dtype.kind == "f":
        nan = np.isnan(want)
        if not np.array_equal(np.isnan(got), nan): return False, "a NaN on one side"
        g, w = np.where(nan, 0, got).astype(np.float64), np.where(nan, 0, want).astype(np.float64)
        tiny = np.abs(w) < 2.0 ** -126 if got.dtype == np.float32 else np.zeros(w.shape, bool)
        d = np.abs(g - w); d[tiny] = 0
        if ref is None: return bool((d == 0).all()), f"{int((d != 0).sum())} of {d.size} differ"
        err = np.abs(g - ref[0]); judged = np.isfinite(ref[1]); ratio = np.where(judged & (err > 0), err / np.maximum(ref[1], 5e-324), 0)
        return bool((ratio <= 1).all()), f"worst {float(ratio.max()) if d.size else 0:.3f} of the bound, {int((d != 0).sum())} of {d.size} differ from the emulation"
    same = np.array_equal(got, want); return same, "" if same else f"{int((got != want).sum())} of {got.size} differ"

def main():
    root, isa = sys.argv[1], sys.argv[2]; ok = True
    dirs = sorted(d for d in os.listdir(root) if os.path.isdir(f"{root}/{d}")); lo, hi = (int(sys.argv[3]), int(sys.argv[4])) if len(sys.argv) > 4 else (0, len(dirs) - 1)
    for d in dirs[lo:hi + 1]:
        here = f"{root}/{d}"; rec = json.load(open(f"{here}/launch.json")); args, outs = [], []
        with tempfile.TemporaryDirectory() as tmp:
            for k, a in enumerate(rec["args"]):
                if "i32" in a: args.append(f"i32:{a['i32']}"); continue
                n = int(np.prod(a["shape"], dtype=np.int64)); t = DTYPE[a["dtype"]]
                if a["written"]: args.append(f"out:{tmp}/{k}.npy:{t}:{n}"); outs.append((k, a))
                else:
                    x = np.load(f"{here}/{a['before']}"); x = x.view("u1") if x.dtype == bool else x
                    np.save(f"{tmp}/in{k}.npy", x); args.append(f"in:{tmp}/in{k}.npy")
            grid = ",".join(map(str, rec["grid"])); cmd = [sys.executable, isa, f"{root}/{rec['target']}.o", rec["kernel"], grid, f"{rec['block']},1,1"] + args
            r = subprocess.run(cmd, capture_output=True, text=True)
            if r.returncode: print(f"{d:<44} FAILED to run: {r.stderr.strip().splitlines()[-1] if r.stderr else r.returncode}"); ok = False; continue
            for k, a in outs:
                want = np.load(f"{here}/{a['after']}"); got = np.load(f"{tmp}/{k}.npy").reshape(want.shape); got = got.astype(bool) if want.dtype == bool else got
                r = f"{here}/out{k - rec['results_from']}"; ref = [np.load(f"{r}.{w}.npy") for w in ("want", "bound")] if rec["matrix"] else None
                good, how = compare(got, want, ref); ok &= good
                print(f"{d:<44} {a['name']:<20} {'matrix' if rec['matrix'] else 'bits  '}  {'ok' if good else 'WRONG'}  {how}", flush=True)
    sys.exit(0 if ok else 1)

main()
