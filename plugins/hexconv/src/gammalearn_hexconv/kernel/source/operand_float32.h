/* float32 images and weights. */
#define NAME(name) JOIN(name, float32)
#define STEP 1
#define element float
#define weight float
#define operand vec
#define operand_weights(p) vec_load(p)
#define operand_pixel(p) vec_set(*(p))
#define operand_last(p) vec_set(*(p))
#define operand_multiply_add(sum, pixel, weights) vec_fma(pixel, weights, sum)
#define to_weight(value) (value)
#define load_elements(p, n) vec_load_first(p, n)
#define store_elements(p, v, n) vec_store_first(p, v, n)
#define value_of(x) (x)
#define element_of(value) (value)
#define IN_PLACE 1 /* images are floats already */
