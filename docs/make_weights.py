"""The weights that come with eoras, from the run that trained them: python docs/make_weights.py RUN.

Matrices and kernels are kept in half precision; scales, shifts and statistics, of one number a channel, as they are.
"""

import sys
from pathlib import Path

from safetensors.torch import save

from eoras.files import write_beside
from eoras.model.eoras import EoRaS
from eoras.model.weights import SHIPPED, WEIGHTS, find_model

FOLDER = Path(__file__).parents[1] / "src" / "eoras" / "weights" / SHIPPED

if __name__ == "__main__":
    network = EoRaS.from_pretrained(find_model(sys.argv[1]))
    network.save_pretrained(FOLDER)
    entries = network.state_dict().items()
    with write_beside(FOLDER / WEIGHTS) as path:
        path.write_bytes(save({name: value.half() if value.ndim > 1 else value for name, value in entries}))
    print(f"{FOLDER / WEIGHTS}: {(FOLDER / WEIGHTS).stat().st_size / 1e6:.1f} MB")
