"""The models and panoramas of a user's own: which of them a set is made from."""

import json
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

from eoras.errors import DataError
from eoras.synthesis.settings import SceneConfig
from eoras.synthesis.things.assets import find_assets

__all__ = ["PANORAMAS", "digests_of", "find_panoramas"]

PANORAMAS = (".hdr", ".exr", ".png", ".jpg", ".jpeg")


def find_panoramas(folder: Path) -> list[str]:
    """The names of the panoramas in a folder, sorted.

    Raises:
        DataError: two differ in the suffix alone, so that one could be trained on and the other tested.
    """
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in PANORAMAS)
    for path, following in pairwise(sorted(paths, key=lambda path: path.stem)):
        if path.stem == following.stem:
            raise DataError(
                f"{following}: expected panoramas whose names differ before the suffix, found {path}, too; "
                f"rename or remove one of them"
            )
    return [path.name for path in paths]


def digests_of(config: SceneConfig) -> dict[str, str]:
    """What the metadata say of a user's own files: a digest of the names of all ``models`` and of all ``panoramas``.

    Which are held out for the test follows from all names: with one more, others would be, and some that a set has
    tested so far would be trained on. Empty for scenes without own files.

    Raises:
        DataError: the folder of models holds none, or two own files are of one name.
    """
    names = {}
    if config.objects.folder is not None:
        names["models"] = sorted(find_assets(config.objects.folder))
    if config.backgrounds is not None:
        names["panoramas"] = find_panoramas(config.backgrounds)
    return {kind: sha256(json.dumps(found).encode()).hexdigest() for kind, found in names.items()}
