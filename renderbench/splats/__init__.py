"""6D Gaussians: parameters, slicing, rasterising and files."""
