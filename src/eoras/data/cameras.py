"""A video's camera as a record holds it: a matrix of rows, not a tensor (formats 6.1)."""

import torch

from eoras.data.annotations import Matrix
from eoras.geometry import Convention, convert_intrinsics

__all__ = ["convert_matrix", "guess_intrinsics"]


def convert_matrix(matrix: Matrix, source: Convention, target: Convention, height: int, width: int) -> Matrix:
    """``convert_intrinsics`` for rows of numbers."""
    result = convert_intrinsics(torch.tensor(matrix, dtype=torch.float64), source, target, height, width)
    one, two, three = (tuple(row) for row in result.tolist())
    return one, two, three


def guess_intrinsics(height: int, width: int) -> Matrix:
    """The matrix to pixels of Kubric's camera, 35 mm on 32 mm: what stands in where nothing tells the camera."""
    focal = 35 / 32 * width
    return (focal, 0.0, width / 2), (0.0, focal, height / 2), (0.0, 0.0, 1.0)
