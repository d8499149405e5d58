/* ops_c.c - the operations in portable C: the reference of the other instruction sets */
#include "kernels/cpu/vec_c.h"

#include "kernels/cpu/ops.inc"
