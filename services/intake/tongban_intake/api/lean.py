"""A route for what is called thousands of times a second."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send
from tongban_runtime.auth import Policy


class LeanRoute(APIRoute):
    """Calls ``async def endpoint(request, caller) -> Response`` with what its one policy returns.

    FastAPI resolves dependencies and opens exit stacks anew for every request, which costs a fifth of accepting an
    application; such an endpoint has none but its policy, which is declared as everywhere and enforced here.
    """

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in (self.methods or ()):
            await super().handle(scope, receive, send)
            return
        response = await self._answer(Request(scope, receive, send))
        await response(scope, receive, send)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        policies = [part.call for part in self.dependant.dependencies if isinstance(part.call, Policy)]
        others = len(self.dependant.dependencies) - len(policies)
        if len(policies) != 1 or others or self.dependant.path_params or self.dependant.query_params:
            raise TypeError(f"{self.path}: a lean route takes the request and one policy's caller, and nothing else")
        policy, endpoint = policies[0], self.endpoint

        async def answer(request: Request) -> Response:
            response: Response = await endpoint(request, await policy(request))
            return response

        self._answer = answer
        return answer
