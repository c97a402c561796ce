"""Videos with exact amodal truth, made here: MuJoCo, Embree and numba, no torch."""
