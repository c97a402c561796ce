"""``eoras cache``: decode images once."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from eoras.cli.options import Cache, say
from eoras.errors import RunError

__all__ = ["cache"]


def cache(
    data: Annotated[Path, Parameter(help="The data folder: MOVi or MOViD-A; the images of others are not cached.")],
    /,
    *,
    cache: Cache = None,
    verify: Annotated[
        bool,
        Parameter(help="Build nothing; compare all bytes of cache and images with the hashes.", show_default=False),
    ] = False,
) -> int:
    """Decode the images of all listed videos into files that training maps into memory."""
    from eoras.data.caching import build_cache, verify_cache
    from eoras.shares import own_share

    act, share = verify_cache if verify else build_cache, own_share()
    try:
        problems = act(data, cache, share=share, progress=True)
    except RunError as error:
        raise RunError(f"{error}; --cache DIR names another place, here and for 'eoras train'") from None
    except KeyboardInterrupt:
        say("interrupted; the finished videos stay, and the same command goes on")
        return 130
    for problem in problems:
        say(problem)
    place = cache or data / ".eoras_cache"
    if problems:
        say(f"{len(problems)} videos are not in {place}, or not as they should be; training decodes their images")
        return 1
    if share.size > 1:
        say(f"{place}: share {share.rank + 1} of {share.size} is done")
        return 0
    say(f"{place} is complete" if not verify else f"{place} is whole, and of the images that there are")
    return 0
