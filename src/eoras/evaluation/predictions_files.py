"""Reading predictions, in whatever form they come (formats 7.13)."""

from pathlib import Path

from eoras.errors import DataError
from eoras.evaluation.predictions import Predictions
from eoras.evaluation.predictions_arrays import read_archives
from eoras.evaluation.predictions_images import read_folder
from eoras.evaluation.predictions_json import read_json_file

__all__ = ["read_predictions"]


def read_predictions(path: str | Path) -> Predictions:
    """Open the predictions of a system; images and archives are read when they are scored.

    Args:
        path: a JSON file in the form of this project's masks file (formats D.3), a folder of VIDEO/OBJECT/00000.png
            (formats D.2), or one or a folder of VIDEO.npz.

    Raises:
        DataError: it is none of these, or no JSON.
    """
    path = Path(path)
    if path.is_file() and path.suffix == ".npz":
        return read_archives(path, [path])
    if path.is_file():
        return read_json_file(path)
    folder = path / "AmodalAnnotations" if (path / "AmodalAnnotations").is_dir() else path
    if archives := sorted(folder.glob("[!.]*.npz")):
        return read_archives(path, archives)
    if next(folder.glob("[!.]*/[!.]*/*.png"), None) is None:
        raise DataError(
            f"{path}: expected predictions: a JSON file of masks, VIDEO.npz, or a folder of VIDEO/OBJECT/00000.png or "
            "of VIDEO.npz, found none of them; mend the path"
        )
    return read_folder(path, folder)
