"""The page and its files; for now a plain page with the models and their states."""

from __future__ import annotations

import html
from urllib.parse import quote

from llamaswap._version import VERSION
from llamaswap.web.asgi import HTML, Answer, Request
from llamaswap.web.front import Front
from llamaswap.web.refusals import NoRouteError

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>llama-swap</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; padding: .4rem .8rem; border-bottom: 1px solid #8884 }}
.ready {{ color: #1a7f37 }} .starting, .stopping {{ color: #9a6700 }} .stopped {{ opacity: .6 }}
</style>
</head>
<body>
<h1>llama-swap</h1>
<table>
<tr><th>Model</th><th>State</th><th>In flight</th><th>Waiting</th></tr>
{rows}
</table>
<p><a href="/logs">logs</a> · <a href="/v1/models">/v1/models</a> · version {version}</p>
</body>
</html>
"""

_ROW = (
    '<tr><td><a href="/upstream/{path}/">{name}</a></td>'
    '<td class="{state}">{state}</td><td>{serving}</td><td>{waiting}</td></tr>'
)


async def to_page(_front: Front, _request: Request, answer: Answer) -> None:
    """Send a browser that asks for ``/`` to the page."""
    await answer.redirect(302, b"/ui/")


async def add_slash(_front: Front, request: Request, answer: Answer) -> None:
    """Send a browser that asks for ``/ui`` to the page."""
    await answer.redirect(307, request.with_query(b"/ui/"))


async def show_page(front: Front, request: Request, answer: Answer) -> None:
    """Show all models with their states, under whatever name the page may have.

    Only a name with a dot means a file, and there are none yet.
    """
    if "." in request.path.rpartition("/")[2]:
        raise NoRouteError(f"404 page not found: there is no file {request.path}")
    models = front.snapshot.config.models
    rows = [
        _ROW.format(
            path=html.escape(quote(view.model, safe="")),
            name=html.escape(models[view.model].name.strip() or view.model),
            state=view.state.value,
            serving=view.serving,
            waiting=view.waiting,
        )
        for view in await front.router.view()
        if view.model in models
    ]
    page = _PAGE.format(rows="\n".join(rows), version=html.escape(VERSION))
    await answer.whole(200, HTML, page.encode())
