"""From a scene to colours: rays to the sun, patterns, light; the kernels are compiled by numba."""
