"""Where a person sees in Datadog what a tool saw."""

from urllib.parse import urlencode

from graph.tools.datadog.moments import milliseconds
from graph.tools.window import Window


def page(
    site: str | None, path: str, window: Window | None = None, **parameters: str
) -> str | None:
    """The address of that page, with the window in milliseconds; None without a site.

    Source: https://docs.datadoghq.com/getting_started/site/ (the first sites have an `app.`).
    """
    if site is None:
        return None
    host = f"app.{site}" if site.count(".") == 1 else site
    if window is not None:
        start, end = milliseconds(window)
        parameters |= {"from_ts": str(start), "to_ts": str(end), "live": "false"}
    return f"https://{host}/{path}" + (f"?{urlencode(parameters)}" if parameters else "")
