"""What keeps the blocks of two engines apart: weights, hash seed, layout and all that shapes them."""
