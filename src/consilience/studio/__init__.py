"""The studio: run folders in a browser, while they grow and afterwards, and two of them side by side.

Served by Starlette and rendered by Jinja on this machine, for this machine: pages are whole without a script, no
request leaves them, and nothing is built first. Whoever reads them writes nothing.
"""

from typing import TYPE_CHECKING

from consilience.ground.late import late_names

if TYPE_CHECKING:
    from consilience.studio.serving import serve
    from consilience.studio.site import application

__all__ = ["application", "serve"]

__getattr__, __dir__ = late_names(__name__, {"application": "site", "serve": "serving"})
