/* bfloat16 images, multiplied in float32. */
#define NAME(name) JOIN(name, bfloat16)
#define STEP 1
#define element uint16_t
#define weight float
#define operand vec
#define operand_weights(p) vec_load(p)
#define operand_pixel(p) vec_set_bf16(p)
#define operand_last(p) vec_set_bf16(p)
#define operand_multiply_add(sum, pixel, weights) vec_fma(pixel, weights, sum)
#define to_weight(value) (value)
#define load_elements(p, n) vec_load_bf16(p, n)
#define store_elements(p, v, n) vec_store_bf16(p, v, n)
#define value_of(x) float_of_bf16(x)
#define element_of(value) bf16_of_float(value)
#define IN_PLACE 0
