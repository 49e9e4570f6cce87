"""What keeps the blocks of two engines apart: weights, hash seed, layout, all that shapes them."""
