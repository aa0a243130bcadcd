#!/usr/bin/env python3
"""Plants small faults in the sources, one at a time, and asks who sees them.

A mutant is one change of one operator, constant, operand order or statement in ir, passes, codegen or runtime. It is
built in a copy of the tree, then tried: verify on the models and on small graphs, then the tests, cheapest first. The
first that fails has seen it. A mutant whose machine code is the original's is drawn again.

usage: tests/mutate.py --seeded [--dir DIR]
       tests/mutate.py [--count N] [--seed S] [--only REGEX] [--shard I/N] [--dir DIR] [--quick] [--table] [--at-least N]
  --count N     mutants to have in the results (default 20); results of earlier runs with the same seed count
  --seed S      of the draw (default 1)
  --only REGEX  only files whose path matches
  --shard I/N   every Nth mutant of the draw, from the Ith (0 to N - 1): for several machines, each with its DIR
  --dir DIR     where the copy, the build and results.jsonl are (default build-mutate)
  --quick       tests of at most 5 seconds only
  --table       prints the results by file and by who saw them, and runs nothing
  --at-least N  exit 1 if fewer than N of this run's mutants are seen
  --seeded      plants the two faults of SEEDED instead, for verify alone; exit 1 unless it sees both
Interrupted, it goes on where it stopped."""
import argparse
import collections
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STOREYS = ("ir", "passes", "codegen", "runtime")
SECONDS = 60  # for one command: a mutant that hangs is seen

# Twelve small graphs beside the models: one for each template and each kind of value.
GRAPHS = {
    "rows": "dim B\ninput x: f32[B, 70] where -2 <= x <= 2\ny = softmax(layernorm(x) * 1.5) + max(x, keepdim=true)\noutput y\n",
    "gemm": "dim B\ninput x: f32[B, 100] where -1 <= x <= 1\noutput y = gelu(linear(x, 130))\n",
    "gemm_f32": "dim B\ninput x: f32[B, 96] where -1 <= x <= 1\noutput q = padic_encode(linear(x, 40))\n",
    "thin": "input x: f32[20, 1031] where -1 <= x <= 1\nweight w: float[9, 1031]\noutput y = matmul(x, w, transpose_b=true)\n",
    "batched": "dim B\ninput x: f32[3, B, 20] where -1 <= x <= 1\ninput z: f32[3, 20, 17] where -1 <= z <= 1\noutput y = matmul(x, z)\n",
    "sinks": "dim B\ninput x: f32[B, 64] where -1 <= x <= 1\noutput h = linear(x, 48)\noutput c = sum(h, axis=0)\noutput m = max(h)\n",
    "columns": "dim B\ninput x: f32[B, 33, 7] where -1 <= x <= 1\noutput a = sum(x, axis=[0, 1])\noutput b = mean(x, axis=1, keepdim=true)\n",
    "whole": "input x: f32[300, 401] where -1 <= x <= 1\noutput y = sum(x, axis=[0, 1])\noutput m = max(x, axis=[0, 1])\n",
    "select": "dim B\ninput x: f32[B, 300] where -1 <= x <= 1\nm = topk_mask(x, k=5)\noutput y = select(m, x, 0.0)\noutput a = argmax(x)\n",
    "views": "input x: f32[6, 6, 6] where -1 <= x <= 1\nh = softmax(transpose(x, [1, 0, 2]))\n"
             "output y = concat(slice(h, [1, 0, 0], [5, 6, 6]), reshape(slice(h, [0, 0, 2], [6, 6, 1]), [1, 6, 6]), axis=0)\n",
    "logic": "dim B\ninput x: f32[B, 9] where -1 <= x <= 1\ninput z: f32[9] where -1 <= z <= 1\n"
             "c = logical_and(less(x, z), logical_not(greater_equal(x, 0.5)))\noutput y = select(c, exp(x), sqrt(abs(z) + 0.1))\n",
    "losses": "dim B\ninput x: f32[B, 20] where -1 <= x <= 1\ninput z: f32[B, 20] where -1 <= z <= 1\noutput l = mse(tanh(x), log(z * z + 1.0))\n",
}
TARGETS = ("gfx90a", "sm_90")
# For CI: file, text that stands there once, what it becomes. One in a kernel's arithmetic, one in what stays f32.
SEEDED = (
    ("codegen/reduce.c", "mine), index_mulk(t, loop->var, round *", "mine), index_mulk(t, loop->var, round /"),
    ("passes/precision.c", "routing[n->id] |= n->op->class", "routing[n->id] = n->op->class"),
)
MODELS = ("moe_sheaf", "moe_softmax", "dense", "router")

# name, pattern, what it becomes. Patterns see code without comments and strings.
NAME = r"[A-Za-z_][A-Za-z0-9_]*"
ATOM = NAME + r"(?:(?:->|\.)" + NAME + r")*"
RULES = [
    ("less", r"(?<=\w|\)|\]) < (?=\w|\()", " <= "), ("less_equal", r" <= ", " < "),
    ("greater", r"(?<=\w|\)|\]) > (?=\w|\()", " >= "), ("greater_equal", r" >= ", " > "),
    ("equal", r" == ", " != "), ("not_equal", r" != ", " == "),
    ("plus", r" \+ ", " - "), ("minus", r"(?<=[\w)\]]) - ", " + "),
    ("times", r"(?<=[\w)\]]) \* (?=[\w(])", " / "), ("divide", r" / ", " * "), ("modulo", r" % ", " / "),
    ("and", r" && ", " || "), ("or", r" \|\| ", " && "), ("not", r"!(?=[A-Za-z_(])", ""),
    ("add_to", r" \+= ", " -= "), ("or_to", r" \|= ", " = "), ("and_to", r" &= ", " = "),
    ("increment", r"(?<=\w)\+\+(?=;)", "--"),
    ("true", r"\btrue\b", "false"), ("false", r"\bfalse\b", "true"),
    ("constant", r"(?<![\w.])([0-9]+)(?![\w.])", lambda m: str(int(m.group(1)) + 1)),
    ("operands", r"\b(" + ATOM + r"), (" + ATOM + r")\)", r"\2, \1)"),
    ("difference", r"\b(" + ATOM + r") - (" + ATOM + r")\b", r"\2 - \1"),
    ("statement", r"^(\s+)(?:" + ATOM + r"(?:\[[^\]]*\])? (?:[-+|&]?=) [^;{}]*|" + NAME + r"\([^;{}]*\));$", r"\1;"),
]


def blank(text):
    """The text with comments, strings and preprocessor lines as spaces, so that positions stay."""
    spaces = lambda m: re.sub(r"[^\n]", " ", m.group(0))
    text = re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'', spaces, text, flags=re.S)
    return re.sub(r"^#(?:[^\n]*\\\n)*[^\n]*", spaces, text, flags=re.M)


def sites(only):
    """Every place that a rule fits: (file, line number, column, rule, new line)."""
    found = []
    for storey in STOREYS:
        for folder, _, names in os.walk(os.path.join(ROOT, storey)):
            for name in names:
                path = os.path.relpath(os.path.join(folder, name), ROOT)
                if not name.endswith(".c") or not re.search(only, path):
                    continue
                text = open(path_of(path)).read()
                real, code = text.split("\n"), blank(text).split("\n")
                for number, (line, seen) in enumerate(zip(real, code)):
                    for rule, pattern, by in RULES:
                        for m in re.finditer(pattern, seen):
                            new = line[:m.start()] + (by(m) if callable(by) else m.expand(by)) + line[m.end():]
                            if new != line and not re.search(r"\b(for|while) \(", seen) or rule in ("less", "less_equal"):
                                found.append((path, number + 1, m.start(), rule, new))
    return sorted(found)


def draw(found, seed):
    """All sites in a seeded order, the rules in turn."""
    rnd, by_rule, order = random.Random(seed), collections.defaultdict(list), []
    for s in found:
        by_rule[s[3]].append(s)
    for rule in sorted(by_rule):
        rnd.shuffle(by_rule[rule])
    while any(by_rule.values()):
        rules = [r for r in sorted(by_rule) if by_rule[r]]
        rnd.shuffle(rules)
        order += [by_rule[r].pop() for r in rules]
    return order


def cores():
    return len(os.sched_getaffinity(0))


def path_of(path):
    return os.path.join(ROOT, path)


def mirror(at, to):
    """Makes `to` like `at`. What changes is as new as now: a mutant left by an interrupted run is built anew."""
    if os.path.isdir(at):
        os.makedirs(to, exist_ok=True)
        for name in set(os.listdir(to)) - set(os.listdir(at)):
            gone = os.path.join(to, name)
            shutil.rmtree(gone) if os.path.isdir(gone) else os.remove(gone)
        for name in os.listdir(at):
            mirror(os.path.join(at, name), os.path.join(to, name))
    elif not os.path.exists(to) or open(at, "rb").read() != open(to, "rb").read():
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copyfile(at, to)
        shutil.copymode(at, to)


class Bench:
    """A copy of the tree, its build, and the results so far."""

    def __init__(self, folder, quick):
        self.folder, self.quick = os.path.abspath(folder), quick
        self.tree, self.build = os.path.join(self.folder, "tree"), os.path.join(self.folder, "build")
        self.results = os.path.join(self.folder, "results.jsonl")
        os.makedirs(self.folder, exist_ok=True)

    def run(self, command, seconds=SECONDS, **more):
        """Exit code and output; 124 if it takes too long, with all that it started ended."""
        p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
                             start_new_session=True, **more)
        try:
            said, _ = p.communicate(timeout=seconds)
            return p.returncode, said
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            p.communicate()
            return 124, "it took over %d seconds" % seconds

    def prepare(self, tests=True):
        for part in STOREYS + ("models", "tests", "bench", "CMakeLists.txt", "README.md", ".clang-format"):
            mirror(path_of(part), os.path.join(self.tree, part))
        graphs = os.path.join(self.folder, "graphs")
        os.makedirs(graphs, exist_ok=True)
        self.graphs = []
        for name, text in GRAPHS.items():
            self.graphs.append(os.path.join(graphs, name + ".graph"))
            with open(self.graphs[-1], "w") as f:
                f.write("graph %s\n%s" % (name, text))
        self.graphs += [os.path.join(self.tree, "models", m + ".graph") for m in MODELS]
        options = ["-DBUILD_SHARED_LIBS=ON", "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_C_FLAGS_RELEASE=-O1"]
        build = self.ninja() if tests else self.ninja("tokic")
        for command in (["cmake", "-S", self.tree, "-B", self.build, "-G", "Ninja"] + options, build):
            code, said = self.run(command, 1800)
            if code:
                sys.exit("mutate: the tree as it is does not build:\n" + said[-3000:])
        seen = self.try_verify()
        if seen:
            sys.exit("mutate: the tree as it is fails " + seen)
        if tests:
            self.time_tests()

    def ninja(self, *targets):
        return ["cmake", "--build", self.build, "--", "-k", "1"] + list(targets)

    def try_verify(self):
        """Who sees a fault: "verify", "build" (any other failure), or None."""
        tokic = os.path.join(self.build, "tokic")
        for i, graph in enumerate(self.graphs):
            device = "emu:" + TARGETS[i % len(TARGETS)]
            batch = ["--batch", "33"] if "dim B" in open(graph).read() else []
            code, said = self.run([tokic, "verify", graph, "--device", device] + batch, cwd=self.folder)
            if code == 124:
                return "hang"
            if code:
                return "verify" if code == 1 else "build"
        return None

    def time_tests(self):
        """Names of tests by their seconds on the tree as it is."""
        at = os.path.join(self.folder, "seconds.json")
        if os.path.exists(at):
            self.seconds = json.load(open(at))
            return
        code, said = self.run(["ctest", "--test-dir", self.build, "-j%d" % cores()], 3600)
        self.seconds = {}
        for m in re.finditer(r"Test +#\d+: (\S+) \.+ +Passed +([0-9.]+) sec", said):
            if m.group(1) not in ("test_house", "test_mutate"):  # what the tree looks like is no behaviour
                self.seconds[m.group(1)] = float(m.group(2))
        json.dump(self.seconds, open(at, "w"))

    def try_tests(self):
        names = sorted(self.seconds, key=self.seconds.get)
        if self.quick:
            names = [n for n in names if self.seconds[n] <= 5]
        code, said = self.run(self.ninja(), 600)
        if code:
            return "build"
        for i in range(0, len(names), 8):
            some = names[i:i + 8]
            limit = SECONDS + 4 * sum(self.seconds[n] for n in some)
            code, said = self.run(["ctest", "--test-dir", self.build, "-j%d" % cores(), "--stop-on-failure", "-R",
                                   "^(" + "|".join(some) + ")$"], limit)
            if code == 124:
                return "hang"
            m = re.search(r"\d+ - (\S+) \((?:Failed|Timeout|SEGFAULT|Subprocess|Not Run|\w+)", said)
            if code:
                return m.group(1) if m else "tests"
        return None

    def objects(self, path):
        """A hash of a file's machine code."""
        for folder, _, names in os.walk(os.path.join(self.build, "CMakeFiles")):
            at = os.path.join(folder, os.path.basename(path) + ".o")
            if at.endswith(path + ".o") and os.path.exists(at):
                code, text = self.run(["objdump", "-d", "-s", "-j", ".text", "-j", ".rodata", "-j", ".data.rel.ro",
                                       "-j", ".data.rel.ro.local", at])
                return hashlib.sha256(re.sub(r".*file format.*", "", text).encode()).hexdigest()
        return None

    def one(self, site, tests=True):
        """What becomes of one mutant: who saw it, "same" code, "invalid", or None."""
        path, number, _, _, new = site
        at = os.path.join(self.tree, path)
        original = open(path_of(path)).read()
        lines = original.split("\n")
        before = self.objects(path)
        with open(at, "w") as f:
            f.write("\n".join(lines[:number - 1] + [new] + lines[number:]))
        try:
            code, _ = self.run(self.ninja("tokic"), 300)
            if code:
                return "invalid"
            if self.objects(path) == before:
                return "same"
            return self.try_verify() or (self.try_tests() if tests else None)
        finally:
            with open(at, "w") as f:
                f.write(original)
            self.run(self.ninja("tokic"), 300)


def plant_seeded(bench):
    """Exit code."""
    bench.prepare(tests=False)
    unseen = 0
    for path, was, becomes in SEEDED:
        lines = open(path_of(path)).read().split("\n")
        at = [i for i, line in enumerate(lines) if was in line]
        if len(at) != 1:
            sys.exit("mutate: %s holds %r %d times: plant another fault there" % (path, was, len(at)))
        seen = bench.one((path, at[0] + 1, 0, "seeded", lines[at[0]].replace(was, becomes)), tests=False)
        print("%-24s %-32s %s" % (path, becomes, "seen by verify" if seen == "verify" else "NOT SEEN: %s" % seen))
        unseen += seen != "verify"
    return unseen != 0


def load(path, seed):
    if not os.path.exists(path):
        return []
    return [r for r in map(json.loads, open(path)) if r["seed"] == seed]


def table(results):
    counted = [r for r in results if r["seen"] not in ("same", "invalid")]
    kinds = ["verify", "build", "hang", "tests", "nobody"]
    kind = lambda r: "nobody" if r["seen"] is None else r["seen"] if r["seen"] in kinds else "tests"
    by_file = collections.defaultdict(collections.Counter)
    for r in counted:
        by_file[r["file"]][kind(r)] += 1
    print("%-36s %s" % ("", " ".join("%7s" % k for k in kinds)))
    for path in sorted(by_file):
        print("%-36s %s" % (path, " ".join("%7d" % by_file[path][k] for k in kinds)))
    print("%-36s %s" % ("%d mutants" % len(counted), " ".join("%7d" % sum(c[k] for c in by_file.values()) for k in kinds)))
    for r in counted:
        if r["seen"] is None:
            print("\n%s:%d %s\n  - %s\n  + %s" % (r["file"], r["line"], r["rule"], r["was"].strip(), r["is"].strip()))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--count", type=int, default=20)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--only", default="")
    p.add_argument("--shard", default="0/1")
    p.add_argument("--dir", default=os.path.join(ROOT, "build-mutate"))
    p.add_argument("--quick", action="store_true")
    p.add_argument("--table", action="store_true")
    p.add_argument("--at-least", type=int, default=0)
    p.add_argument("--seeded", action="store_true")
    o = p.parse_args()
    bench = Bench(o.dir, o.quick)
    if o.seeded:
        return plant_seeded(bench)
    results = load(bench.results, o.seed)
    if o.table:
        table(results)
        return 0
    bench.prepare()
    first, of = map(int, o.shard.split("/"))
    drawn = draw(sites(o.only), o.seed)[first::of]
    done = {(r["file"], r["line"], r["column"], r["rule"]) for r in results}
    ours = []
    counted = sum(r["seen"] not in ("same", "invalid") for r in results)
    for site in drawn:
        if counted >= o.count:
            break
        path, number, column, rule, new = site
        if (path, number, column, rule) in done:
            continue
        start = time.time()
        seen = bench.one(site)
        r = {"seed": o.seed, "file": path, "line": number, "column": column, "rule": rule, "is": new, "seen": seen,
             "was": open(path_of(path)).read().split("\n")[number - 1], "seconds": round(time.time() - start, 1)}
        with open(bench.results, "a") as f:
            f.write(json.dumps(r) + "\n")
        results.append(r)
        if seen not in ("same", "invalid"):
            counted += 1
            ours.append(r)
        print("%-32s %4d %-12s %-24s %5.1f s" % (path, number, rule, seen or "NOBODY", r["seconds"]), flush=True)
    print()
    table(results)
    return 1 if sum(r["seen"] is not None for r in ours) < o.at_least else 0


if __name__ == "__main__":
    sys.exit(main())
