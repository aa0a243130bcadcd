#!/usr/bin/env python3
"""Every op and its gradient against PyTorch in float64.

usage: op_cases | torch_ops.py        prints a line an op; exit 1 if any differs, or has no counterpart here and none in ALONE
"""
import json, math, sys
import torch
import torch.nn.functional as F

TYPES = {"bool": torch.bool, "i32": torch.int32, "i64": torch.int64}

# ---- what PyTorch has no counterpart of ----
ALONE = {"padic_encode": "an integer code of routing scores", "padic_decode": "its inverse",
         "bucket_counts": "a step of sort_by_bucket", "bucket_fill": "a step of sort_by_bucket"}


def number(x):
    return float.fromhex(x) if x not in ("nan", "inf", "-inf") else float(x)


def tensor(t):
    if t["dtype"] in TYPES:
        return torch.tensor(t["data"], dtype=torch.int64).reshape(t["shape"]).to(TYPES[t["dtype"]])
    return torch.tensor([number(x) for x in t["data"]], dtype=torch.float64).reshape(t["shape"])


def is_float(x):
    return x.dtype.is_floating_point


# ---- counterparts ----
def axes(a, x):
    return [i % x.dim() for i in a["axis"]]


def over_axes(f):
    """f reduces the last dimension; of several axes it reduces their product."""
    def reduced(a, x):
        dims = axes(a, x)
        keep = [i for i in range(x.dim()) if i not in dims]
        y = f(x.permute(keep + sorted(dims)).reshape([x.shape[i] for i in keep] + [-1] if x.numel() else
                                                     [x.shape[i] for i in keep] + [math.prod(x.shape[i] for i in dims)]))
        return y.reshape([1 if i in dims else x.shape[i] for i in range(x.dim())]) if a["keepdim"] else y
    return reduced


def first_largest(x):
    """The first of the largest, or the first NaN."""
    if x.shape[-1] == 0:
        return torch.full(x.shape[:-1], -1, dtype=torch.int64)
    key = torch.where(torch.isnan(x), torch.full_like(x, math.inf), x) if is_float(x) else x
    best = (torch.isnan(x) if is_float(x) else x != x)
    at = torch.where(best.any(-1, keepdim=True), best, key == key.max(-1, keepdim=True).values)
    return at.to(torch.int64).argmax(-1)


def concat(a, *xs):
    return torch.cat(xs, a["axis"])


def slice_of(a, x):
    for d, (start, size) in enumerate(zip(a["start"], a["size"])):
        step = a.get("step", [1] * x.dim())[d] if a.get("step") else 1
        x = x.index_select(d, torch.arange(size) * step + start)
    return x


def pad(a, x):
    """Interior padding by strided assignment; a negative low or high crops."""
    for d in range(x.dim()):
        low, high, inner = a["low"][d], a["high"][d], (a["interior"] or [0] * x.dim())[d]
        n = x.shape[d] + max(x.shape[d] - 1, 0) * inner
        where = torch.arange(x.shape[d]) * (inner + 1) + low
        shape = list(x.shape)
        shape[d] = n + low + high
        keep = ((where >= 0) & (where < shape[d])).nonzero().flatten()
        fill = torch.full(shape, a["value"], dtype=torch.float64).to(x.dtype)
        x = fill.index_copy(d, where[keep], x.index_select(d, keep))
    return x


def last(f):
    """f works along the last dimension; the op along `axis`."""
    return lambda a, x, *more: f(a, x.movedim(a["axis"], -1), *more).movedim(-1, a["axis"]) if x.dim() else f(a, x, *more)


def layernorm(a, x, gamma, beta):
    return F.layer_norm(x, [x.shape[-1]], gamma, beta, a["eps"]) if x.shape[-1] else x * gamma + beta


def rmsnorm(a, x, gamma):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + a["eps"]) * gamma


def gather(a, table, at):
    """Outside the table: NaN, or 0 of integers; no gradient."""
    n = table.shape[a["axis"]]
    inside = (at >= 0) & (at < n)
    axis = a["axis"] % table.dim()
    shape = list(table.shape[:axis]) + list(at.shape) + list(table.shape[axis + 1:])
    if n == 0:
        y = torch.zeros(shape, dtype=table.dtype) + table.sum() * 0
    else:
        y = table.index_select(axis, at.clamp(0, n - 1).flatten().to(torch.int64)).reshape(shape)
    mask = inside.reshape([1] * axis + list(at.shape) + [1] * (table.dim() - axis - 1)).expand(shape)
    none = torch.tensor(math.nan) if is_float(table) else torch.tensor(0)
    return torch.where(mask, y, none.to(table.dtype))


def one_hot(a, at):
    return (at.unsqueeze(-1) == torch.arange(count(a["n"]))).to(torch.float64)


def count(n):
    return n[0] if isinstance(n, list) else n


def scatter_add(a, at, values):
    n = count(a["n"])
    inside = (at >= 0) & (at < n)
    rows = values.reshape([at.numel()] + list(values.shape[at.dim():]))
    picked = inside.flatten().nonzero().flatten()
    out = torch.zeros([n] + list(rows.shape[1:]), dtype=values.dtype)
    return out.index_add(0, at.flatten()[picked].to(torch.int64), rows.index_select(0, picked))


def sort_by_bucket(a, at):
    n = count(a["n"])
    at = at.flatten()
    return torch.where((at >= 0) & (at < n), at, torch.full_like(at, n)).sort(stable=True).indices


def bucket_offsets(a, at):
    n = count(a["n"])
    at = at[(at >= 0) & (at < n)].to(torch.int64)
    return torch.cat([torch.zeros(1, dtype=torch.int64), torch.bincount(at, minlength=n).cumsum(0)])


def search_sorted(a, row, x):
    return torch.searchsorted(row.to(torch.int64), x.to(torch.int64))


def segment_sum(a, values, order, offsets):
    sums = []
    for lo, hi in zip(offsets[:-1].tolist(), offsets[1:].tolist()):
        picked = [i for i in order[lo:hi].tolist() if 0 <= i < values.shape[0]]
        sums.append(values[picked].sum(0, dtype=values.dtype))
    return torch.stack(sums) if sums else torch.zeros([0] + list(values.shape[1:]), dtype=values.dtype)


def cross_entropy(a, logits, target):
    rows = logits.reshape(math.prod(logits.shape[:-1]), logits.shape[-1]).log_softmax(-1)
    if is_float(target):
        return -(target.reshape(rows.shape) * rows).sum(-1).mean()
    at = target.flatten()
    inside = (at >= 0) & (at < rows.shape[-1])
    if rows.shape[-1] == 0:
        return torch.tensor(math.nan, dtype=torch.float64) + logits.sum() * 0
    picked = rows.gather(-1, at.clamp(0, rows.shape[-1] - 1).to(torch.int64).unsqueeze(-1)).squeeze(-1)
    return torch.where(inside, -picked, torch.tensor(math.nan, dtype=torch.float64)).mean()


def topk_indices(a, x):
    """The k largest, ties to the lower index, NaNs last."""
    key = torch.where(torch.isnan(x), torch.full_like(x, -math.inf), x).detach() if is_float(x) else x
    order = torch.sort(key, dim=-1, descending=True, stable=True).indices
    if is_float(x):
        order = order.gather(-1, torch.sort(torch.isnan(x).gather(-1, order).to(torch.int64), stable=True).indices)
    return order[..., :a["k"]]


def cumsum(a, x):
    x = x.flip(-1) if a["reverse"] else x
    y = x.cumsum(-1, dtype=x.dtype)
    if a["exclusive"]:
        y = torch.cat([torch.zeros_like(x[..., :1]), y[..., :-1]], -1) if x.shape[-1] else y
    return y.flip(-1) if a["reverse"] else y


def take_along_axis(a, x, i):
    x = x.movedim(a["axis"], -1)
    i = i.movedim(a["axis"], -1)
    inside = (i >= 0) & (i < x.shape[-1])
    y = x.gather(-1, torch.where(inside, i, 0).to(torch.int64)) if x.shape[-1] else torch.zeros(i.shape, dtype=x.dtype)
    return torch.where(inside, y, torch.tensor(math.nan if is_float(x) else 0, dtype=x.dtype)).movedim(-1, a["axis"])


def along(f):
    """f reduces the last dimension; the op the dimension `axis`."""
    def reduced(a, x):
        y = f(x.movedim(a["axis"], -1))
        return y.unsqueeze(a["axis"]) if a["keepdim"] else y
    return reduced


def extreme_of_rows(sign):
    def f(x):
        if x.shape[-1] == 0:
            if is_float(x):
                return torch.full(x.shape[:-1], -sign * math.inf, dtype=x.dtype)
            worst = torch.iinfo(x.dtype).min if sign > 0 else torch.iinfo(x.dtype).max
            return torch.full(x.shape[:-1], worst, dtype=x.dtype)
        return x.gather(-1, first_extreme(x, sign).unsqueeze(-1)).squeeze(-1)
    return f


def first_extreme(x, sign):
    return first_largest(x if sign > 0 else -x if is_float(x) else ~x)


def select(a, c, x, y):
    return torch.where(c, x, y)


def cast(a, x):
    to = a["dtype"]
    if to == "bool":
        return x != 0
    if to not in TYPES:
        return x.to(torch.float64)
    if not is_float(x):
        return x.to(TYPES[to])
    least, most = torch.iinfo(TYPES[to]).min, torch.iinfo(TYPES[to]).max
    y = torch.nan_to_num(x.detach(), nan=0.0, posinf=1e300, neginf=-1e300).trunc()
    whole = y.clamp(-2.0 ** 62, 2.0 ** 62).to(torch.int64)
    whole = torch.where(y >= float(most), torch.tensor(most), torch.where(y <= float(least), torch.tensor(least), whole))
    return whole.to(TYPES[to])


def combine(a, w, *ys):
    """An expert of weight 0 does not take part: neither its result nor its weight has a gradient."""
    terms = [torch.where(w[..., [e]] != 0, w[..., [e]], 0.0) * torch.where(w[..., [e]] != 0, y, 0.0)
             for e, y in enumerate(ys)]
    return sum(terms[1:], terms[0])


def topk_mask(a, x):
    return torch.zeros(x.shape, dtype=torch.bool).scatter(-1, topk_indices(a, x), True)


def matmul(a, x, w):
    return torch.matmul(x.transpose(-1, -2) if a["transpose_a"] else x, w.transpose(-1, -2) if a["transpose_b"] else w)


def rounding_to_minus_inf(a, x, y):
    zero = y == 0
    q = torch.div(x, torch.where(zero, torch.ones_like(y), y), rounding_mode="floor")
    return torch.where(zero, torch.zeros_like(q), q)


def rounding_to_zero(a, x, y):
    zero = y == 0
    q = torch.div(x, torch.where(zero, torch.ones_like(y), y), rounding_mode="trunc")
    return torch.where(zero, torch.zeros_like(q), q)


def extreme(pick_x, x, y):
    """One operand's value, gradient and all: x on a tie, and a NaN."""
    return torch.where(pick_x | (x != x), x, y)


OPS = {
    "add": lambda a, x, y: x + y,
    "sub": lambda a, x, y: x - y,
    "mul": lambda a, x, y: x * y,
    "fma": lambda a, x, y, z: x * y + z,
    "div": lambda a, x, y: x / y,
    "floor_div": rounding_to_minus_inf,
    "trunc_div": rounding_to_zero,
    "mod": lambda a, x, y: torch.where(y == 0, torch.zeros_like(x), x - y * rounding_to_minus_inf(a, x, y)),
    "rem": lambda a, x, y: torch.where(y == 0, torch.zeros_like(x), x - y * rounding_to_zero(a, x, y)),
    "neg": lambda a, x: -x,
    "abs": lambda a, x: x.abs(),
    "exp": lambda a, x: x.exp(),
    "log": lambda a, x: x.log(),
    "log1p": lambda a, x: x.log1p(),
    "sqrt": lambda a, x: x.sqrt(),
    "rsqrt": lambda a, x: x.rsqrt(),
    "tanh": lambda a, x: x.tanh(),
    "erf": lambda a, x: x.erf(),
    "sigmoid": lambda a, x: x.sigmoid(),
    "sin": lambda a, x: x.sin(),
    "cos": lambda a, x: x.cos(),
    "sign": lambda a, x: x.sign(),
    "round": lambda a, x: x.round(),
    "floor": lambda a, x: x.floor(),
    "maximum": lambda a, x, y: extreme(x >= y, x, y),
    "minimum": lambda a, x, y: extreme(x <= y, x, y),
    "less": lambda a, x, y: x < y,
    "less_equal": lambda a, x, y: x <= y,
    "equal": lambda a, x, y: x == y,
    "not_equal": lambda a, x, y: x != y,
    "greater": lambda a, x, y: x > y,
    "greater_equal": lambda a, x, y: x >= y,
    "logical_and": lambda a, x, y: x & y,
    "logical_or": lambda a, x, y: x | y,
    "logical_not": lambda a, x: ~x,
    "select": select,
    "cast": cast,
    "reshape": lambda a, x: x.reshape(a["dims"]),
    "transpose": lambda a, x: x.permute(a["perm"]),
    "broadcast": lambda a, x: x.expand(a["dims"]),
    "slice": slice_of,
    "concat": concat,
    "pad": pad,
    "reverse": lambda a, x: x.flip(a["axis"] if isinstance(a["axis"], list) else [a["axis"]]),
    "tile": lambda a, x: x.repeat(a["repeats"]),
    "sum": over_axes(lambda x: x.sum(-1, dtype=x.dtype)),
    "mean": over_axes(lambda x: x.mean(-1)),
    "prod": over_axes(lambda x: x.prod(-1, dtype=x.dtype)),
    "max": over_axes(extreme_of_rows(1)),
    "min": over_axes(extreme_of_rows(-1)),
    "any": over_axes(lambda x: x.any(-1)),
    "all": over_axes(lambda x: x.all(-1)),
    "cumsum": last(cumsum),
    "argmax": along(lambda x: first_extreme(x, 1)),
    "argmin": along(lambda x: first_extreme(x, -1)),
    "topk_indices": last(topk_indices),
    "topk_values": last(lambda a, x: x.gather(-1, topk_indices(a, x))),
    "take_along_axis": take_along_axis,
    "matmul": matmul,
    "linear": lambda a, x, w, b: F.linear(x, w, b),
    "gelu": lambda a, x: F.gelu(x, approximate="tanh"),
    "gelu_erf": lambda a, x: F.gelu(x),
    "softplus": lambda a, x: torch.logaddexp(x, torch.zeros_like(x)),
    "hardswish": lambda a, x: F.hardswish(x),
    "silu": lambda a, x: F.silu(x),
    "relu": lambda a, x: F.relu(x),
    "clamp": lambda a, x: x.clamp(a["lo"], a["hi"]),
    "pow": lambda a, x: x ** a["exponent"],
    "softmax": last(lambda a, x: x.softmax(-1)),
    "log_softmax": last(lambda a, x: x.log_softmax(-1)),
    "logsumexp": over_axes(lambda x: x.logsumexp(-1)),
    "layernorm": last(layernorm),
    "rmsnorm": last(rmsnorm),
    "norm": lambda a, *xs: torch.cat([x.flatten() for x in xs]).norm(),
    "mse": lambda a, x, y: F.mse_loss(x, y),
    "huber": lambda a, x, y: F.huber_loss(x, y, delta=a["delta"]),
    "bce": lambda a, x, t: F.binary_cross_entropy_with_logits(x, t),
    "cross_entropy": cross_entropy,
    "gather": gather,
    "one_hot": one_hot,
    "scatter_add": scatter_add,
    "sort_by_bucket": sort_by_bucket,
    "bucket_offsets": bucket_offsets,
    "search_sorted": search_sorted,
    "segment_sum": segment_sum,
    "topk_mask": last(topk_mask),
    "combine": combine,
}

# ---- what differs on purpose: where, and why ----
# Each takes a case's operands, attributes and the operand's number (None: the result); a mask of elements, True: all.
DIFFERS = {
    "sign": (lambda a, xs, k: torch.isnan(xs[0]), "the sign of a NaN is a NaN; PyTorch's is 0"),
    "hardswish": (lambda a, xs, k: ((xs[0].abs() == 3) | torch.isnan(xs[0])) & (k == 0),
                  "the gradient is the outer line's at -3 and 3, NaN at a NaN; PyTorch's depends on its vectorisation"),
    "layernorm": (lambda a, xs, k: k == 0 and not torch.isfinite(xs[1]).all(),
                  "the gradient by x where gamma is not finite: which infinities meet depends on the order of the sums"),
    "prod": (lambda a, xs, k: k == 0 and not (xs[0].abs() < 1e100).all(), "the gradient where the product overflows"),
    "logsumexp": (lambda a, xs, k: not torch.isfinite(xs[0]).all(), "gradients of rows with an infinity"),
    "bce": (lambda a, xs, k: not torch.isfinite(xs[0]).all(), "an infinite logit of target 0 or 1"),
    "gelu": (lambda a, xs, k: xs[0] < -1e100, "at -inf and below -1e102 tokic's formula gives NaN: -inf times 0"),
}


# ---- the comparison ----
def largest(xs):
    finite = [torch.nan_to_num(x.abs(), nan=0, posinf=0).max() for x in xs if is_float(x) and x.numel()]
    return max([float(m) for m in finite], default=0)


def differs(got, want, xs):
    """By more than 1e-9, relative to the element and to the largest result, or than sums of huge operands cancel."""
    if not is_float(want):
        return got != want
    same = (got == want) | (torch.isnan(got) & torch.isnan(want))
    size = min(max(largest([want]), 1e-3), 1e6)
    cancelled = 1e-12 * largest(xs) if largest(xs) > 1e100 else 0
    return ~(same | ((got - want).abs() <= 1e-9 * want.abs().clamp(min=size) + cancelled))


def run(case):
    xs = [tensor(x["x"]) for x in case["in"]]
    attrs = {k: number(v) if isinstance(v, str) and k not in ("dtype",) else v for k, v in case["attrs"].items()}
    for x in xs:
        x.requires_grad_(is_float(x))
    y = OPS[case["op"]](attrs, *xs)
    grads = {}
    if case["grads"] and is_float(y) and y.requires_grad:
        wanted = [int(k) for k in case["grads"]]
        got = torch.autograd.grad((y * tensor(case["r"])).sum(), [xs[k] for k in wanted], allow_unused=True)
        grads = {k: torch.zeros_like(xs[k]) if g is None else g for k, g in zip(wanted, got)}
    return attrs, [x.detach() for x in xs], y.detach(), grads


def excused(op, attrs, xs, k, bad):
    if op not in DIFFERS:
        return bad & False
    where = DIFFERS[op][0](attrs, xs, k)
    return bad & where if isinstance(where, torch.Tensor) and where.shape == bad.shape else bad & bool(torch.as_tensor(where).any())


def compare(case, tally):
    op = case["op"]
    attrs, xs, y, grads = run(case)
    pairs = [(None, tensor(case["y"]), y)] + [(k, tensor(case["grads"][str(k)]), g) for k, g in grads.items()]
    for k, ours, theirs in pairs:
        what = "result" if k is None else f"gradient of operand {k}"
        if ours.shape != theirs.shape:
            return f"{what} has shape {list(ours.shape)}, PyTorch's {list(theirs.shape)}"
        bad = differs(ours, theirs, xs)
        free = excused(op, attrs, xs, k, bad)
        tally["elements"] += bad.numel()
        tally["on purpose"] += int(free.sum())
        if (bad & ~free).any():
            at = tuple(int(i) for i in (bad & ~free).nonzero()[0])
            return (f"{what} at {list(at)} is {ours[at].item()!r}, PyTorch's {theirs[at].item()!r}; attributes {attrs}, "
                    f"operands {[x.flatten()[:8].tolist() for x in xs]}")
    return None


def main():
    tallies, wrong = {}, 0
    for line in sys.stdin:
        case = json.loads(line)
        op = case["op"]
        if op in ALONE:
            continue
        tally = tallies.setdefault(op, {"cases": 0, "gradients": 0, "elements": 0, "on purpose": 0, "wrong": 0})
        if op not in OPS:
            tally["wrong"] += 1
            continue
        tally["cases"] += 1
        tally["gradients"] += len(case["grads"])
        why = compare(case, tally)
        if why:
            tally["wrong"] += 1
            if tally["wrong"] <= 2:
                print(f"{op}: {why}")
    for op, t in tallies.items():
        wrong += t["wrong"]
        note = "no counterpart in this file" if op not in OPS else "WRONG" if t["wrong"] else "ok"
        print(f"{op:<20} {t['cases']:>4} cases {t['gradients']:>4} gradients {t['elements']:>8} elements "
              f"{t['on purpose']:>6} differ on purpose  {note}")
    for op, (_, why) in DIFFERS.items():
        print(f"on purpose: {op}: {why}")
    for op, why in ALONE.items():
        print(f"not in PyTorch: {op}: {why}")
    sys.exit(1 if wrong or not tallies else 0)


main()
