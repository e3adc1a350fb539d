/* Forgets an operand_*.h, so that the next can be included. */
#undef NAME
#undef STEP
#undef element
#undef weight
#undef operand
#undef operand_weights
#undef operand_pixel
#undef operand_last
#undef operand_multiply_add
#undef to_weight
#undef load_elements
#undef store_elements
#undef IN_PLACE
#undef value_of
#undef element_of
