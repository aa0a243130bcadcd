#include "tests/support/fault_graphs.h"

const char *const fault_graphs[] = {
    "graph gemm\ndim B\ninput x: f16[B, 200]\noutput y = gelu(linear(x, 48))\n",
    "graph lanes\ndim B\ninput x: f32[B, 72]\noutput y: f32[B, 48] = linear(x, 48)\noutput s = topk_mask(y, 2)\n",
    "graph split\ndim B\ninput x: f16[B, 1096]\noutput y: f32[B, 20] = linear(x, 20)\n",
    "graph margins\ndim B\ninput x: f16[B, 72]\ny = linear(x, 48)\noutput s: f32[48] = sum(y, axis=0)\n"
    "output m: f32[B] = max(y)\n",
    "graph rows\ndim B\ninput x: f32[B, 100]\noutput p: f32[B, 100] = softmax(x)\n",
    "graph norm\ndim B\ninput x: f32[B, 256]\noutput y = gelu(layernorm(x))\n",
    "graph flat\ndim B\ninput x: f32[B, 33]\ninput z: f32[B, 33]\noutput y = maximum(x * x - z, 0.0) / (z + 3.0)\n",
    "graph columns\ndim B\ninput x: f32[B, 37]\noutput y: f32[37] = sum(x, axis=0)\noutput z: f32[37] = max(x, "
    "axis=0)\n",
    "graph all\ninput x: f32[60, 61]\noutput y: f32[] = sum(x, axis=[0, 1])\noutput m: f32[] = max(x, axis=[0, 1])\n",
    "graph batched\ndim B\ninput x: f16[B, 20, 40]\ninput w: f16[B, 40, 24]\noutput y: f32[B, 20, 24] = matmul(x, w)\n",
    "graph turned\ndim B\ninput x: f32[B, 12, 10]\noutput y = transpose(x, perm=[2, 0, 1]) * 2.0 - 1.0\n",
    "graph chosen\ndim B\ninput x: f32[B, 50]\noutput s = topk_mask(x, 3)\noutput i = argmax(x)\n",
};
const size_t fault_n_graphs = sizeof fault_graphs / sizeof *fault_graphs;
