"""Networks, one file each: the file's stem is the network's name in a recipe."""
