#include "ir/graph/hint.h"

#include <string.h>

static const struct hint ops[] = {
    { "relu6", "clamp(x, lo=0, hi=6)" },
    { "leaky_relu", "maximum(x, 0.01 * x)" },
    { "elu", "select(greater(x, 0), x, exp(x) - 1)" },
    { "logistic", "sigmoid(x)" },
    { "expit", "sigmoid(x)" },
    { "hardsigmoid", "clamp(x / 6 + 0.5, lo=0, hi=1)" },
    { "hardtanh", "clamp(x, lo=-1, hi=1)" },
    { "logsigmoid", "-log1p(exp(-x))" },
    { "swish", "silu(x)" },
    { "gelu_tanh", "gelu(x)" },
    { "gelu_exact", "gelu_erf(x)" },
    { "clip", "clamp(x, lo=0, hi=1)" },
    { "sgn", "sign(x)" },
    { "rint", "round(x)" },
    { "ceil", "-floor(-x)" },
    { "trunc", "select(less(x, 0), -floor(-x), floor(x))" },
    { "tan", "sin(x) / cos(x)" },
    { "erfc", "1 - erf(x)" },
    { "expm1", "exp(x) - 1" },
    { "amax", "max(x)" },
    { "amin", "min(x)" },
    { "reduce_sum", "sum(x)" },
    { "reduce_mean", "mean(x)" },
    { "var", "mean((x - mean(x, keepdim=true)) * (x - mean(x, keepdim=true)))" },
    { "std", "sqrt(mean((x - mean(x, keepdim=true)) * (x - mean(x, keepdim=true))))" },
    { "topk", "topk_mask(x, 2)" },
    { "top_k", "topk_mask(x, 2)" },
    { "power", "pow(x, 2)" },
    { "square", "x * x" },
    { "reciprocal", "1 / x" },
    { "ln", "log(x)" },
    { "exp2", "exp(0.6931471805599453 * x)" },
    { "multiply", "x * y" },
    { "divide", "x / y" },
    { "subtract", "x - y" },
    { "plus", "x + y" },
    { "eq", "equal(x, y)" },
    { "lt", "less(x, y)" },
    { "gt", "greater(x, y)" },
    { "dot", "sum(x * y)" },
    { "mm", "x @ y" },
    { "bmm", "x @ y" },
    { "gemm", "matmul(x, y)" },
    { "einsum", "matmul(x, y)" },
    { "dense", "linear(x, 16)" },
    { "layer_norm", "layernorm(x)" },
    { "rms_norm", "rmsnorm(x)" },
    { "view", "reshape(x, [16])" },
    { "flatten", "reshape(x, [-1])" },
    { "squeeze", "reshape(x, [16])" },
    { "unsqueeze", "reshape(x, [4, 1, 4])" },
    { "permute", "transpose(x, [1, 0])" },
    { "expand", "broadcast(x, [2, 4, 4])" },
    { "repeat", "broadcast(x, [2, 4, 4])" },
    { "flip", "reverse(x, 0)" },
    { "cat", "concat(x, y)" },
    { "stack", "concat(reshape(x, [1, 4, 4]), reshape(y, [1, 4, 4]), axis=0)" },
    { "astype", "cast(x, f32)" },
    { "zeros", "constant([4], f32, 0)" },
    { "ones", "constant([4], f32, 1)" },
    { "full", "constant([4], f32, 3)" },
    { "arange", "iota([4], f32)" },
    { "mse_loss", "mse(x, y)" },
    { "l1_loss", "mean(abs(reshape(x - y, [-1])))" },
    { "huber_loss", "huber(x, y)" },
    { "smooth_l1_loss", "huber(x, y)" },
    { "bce_with_logits", "bce(x, y)" },
    { "binary_cross_entropy_with_logits", "bce(x, y)" },
    { "binary_cross_entropy", "bce(log(x) - log(1 - x), y)" },
    { "cross_entropy_loss", "cross_entropy(x, y)" },
    { "softmax_cross_entropy", "cross_entropy(x, y)" },
    { "nll_loss", "cross_entropy(x, y)" },
};

static const struct hint attrs[] = {
    { "dim", "axis" },
    { "dims", "axis" },
    { "axes", "axis" },
    { "keepdims", "keepdim" },
    { "keep_dims", "keepdim" },
    { "epsilon", "eps" },
    { "out_features", "features" },
    { "units", "features" },
    { "transpose_x", "transpose_a" },
    { "trans_a", "transpose_a" },
    { "trans_b", "transpose_b" },
    { "to", "dtype" },
    { "perms", "perm" },
    { "axes_order", "perm" },
    { "shape", "dims" },
    { "min", "lo" },
    { "max", "hi" },
    { "power", "exponent" },
};

static const struct hint dtypes[] = {
    { "float32", "f32" }, { "fp32", "f32" },      { "single", "f32" }, { "float16", "f16" }, { "fp16", "f16" },
    { "half", "f16" },    { "bfloat16", "bf16" }, { "double", "f64" }, { "float64", "f64" }, { "fp64", "f64" },
    { "int", "i32" },     { "int32", "i32" },     { "int64", "i64" },  { "long", "i64" },    { "boolean", "bool" },
};

static const struct hint operators[] = {
    { "**", "pow(x, 2), or exp(y * log(x))" },
    { "==", "equal(x, y)" },
    { "!", "not_equal(x, y) or logical_not(c)" },
    { "<", "less(x, y)" },
    { "<=", "less_equal(x, y)" },
    { ">", "greater(x, y)" },
    { "&", "logical_and(c, d)" },
    { "|", "logical_or(c, d)" },
    { "//", "a comment with #" },
};

static const char *find(const struct hint *list, size_t n, const char *typed)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(list[i].typed, typed))
            return list[i].write;
    return NULL;
}

#define COUNT(list) (sizeof(list) / sizeof *(list))
const struct hint *hint_op_at(size_t i) { return i < COUNT(ops) ? &ops[i] : NULL; }
const char *hint_op(const char *name) { return find(ops, COUNT(ops), name); }
const char *hint_attr(const char *name) { return find(attrs, COUNT(attrs), name); }
const char *hint_dtype(const char *name) { return find(dtypes, COUNT(dtypes), name); }
const char *hint_operator(const char *text) { return find(operators, COUNT(operators), text); }
