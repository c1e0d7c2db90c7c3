"""The web server and what the customers' pages stand on, from the settings. Any number of processes may serve."""

import asyncio
import socket
from datetime import timedelta
from functools import partial

import uvicorn

from byleave.joining import invitations_of
from byleave.letters import Press, ask_to_confirm
from byleave.wiring import Ground
from consent.unwritten import Unwritten
from kit.config import Settings
from mailer.exits import Exits
from web.clients import networks_of
from web.house import Accounts, House, Proxies, SignUps
from web.limits import Doorkeeper
from web.pages import Pages
from web.seals import Seals
from web.site import site
from web.wire import BoundedHttp


def unwritten_of(settings: Settings) -> Unwritten:
    """Return where this machine keeps opt-outs that the database does not take; doors and senders share it."""
    return Unwritten(settings.var_folder / "opt-outs")


def exits_of(ground: Ground) -> Exits:
    """Return what carries out wishes to leave by a link."""
    return Exits(ground.database, unwritten_of(ground.settings))


def sign_ups_of(ground: Ground) -> SignUps | None:
    """Return what the sign-up page stands on; None where nobody shall sign up here."""
    settings = ground.settings.signup
    return SignUps.of(invitations_of(ground), Seals(ground.secrets), settings) if settings.enabled else None


def accounts_of(ground: Ground) -> Accounts:
    """Return what the account page stands on."""
    rules = ground.settings.service_mail
    lasts, back = timedelta(minutes=rules.account_link_minutes), timedelta(days=rules.move_back_days)
    return Accounts(ground.secrets, lasts, back)


def house_of(ground: Ground, press: Press, exits: Exits) -> House:
    """Return what the customers' pages stand on, from the settings."""
    settings, web, version = ground.settings, ground.settings.web, ground.settings.consent.default_policy_version
    pages = Pages(
        company=settings.company.name, policy_url=settings.company.policy_url, policy_version=version,
        customer_service=settings.company.customer_service, language=web.language,
    )  # fmt: skip
    doorkeeper = Doorkeeper(
        a_minute_per_network=web.requests_a_minute_per_network, a_minute_per_link=web.requests_a_minute_per_link,
        a_second=web.requests_a_second,
    )  # fmt: skip
    return House(
        ground.database, press.tokens, pages, ground.clock, version, partial(ask_to_confirm, ground), exits, doorkeeper,
        accounts_of(ground),
        Proxies(networks_of(web.proxies), web.proxy_header), sign_ups=sign_ups_of(ground),
    )  # fmt: skip


class WebServer:
    """Serves the customers' pages with uvicorn, ``ready`` once it listens on ``port``."""

    def __init__(self, ground: Ground, press: Press, exits: Exits) -> None:
        """Join the pages; the socket is opened by :meth:`run`."""
        settings = ground.settings
        house = house_of(ground, press, exits)
        self.port = settings.web.port
        self.ready = asyncio.Event()
        self._settings = settings.web
        self._app = site(house)

    async def run(self) -> None:
        """Serve until cancelled; open requests are finished."""
        config = uvicorn.Config(
            self._app, http=BoundedHttp, ws="none", loop="asyncio",
            host=self._settings.host, port=self.port, log_config=None, access_log=False, server_header=False,
            log_level="critical",
            ssl_certfile=self._settings.tls_certificate or None, ssl_keyfile=self._settings.tls_key or None,
            lifespan="off", timeout_keep_alive=5, limit_concurrency=1000, proxy_headers=False,
        )  # fmt: skip
        with listening_on(self._settings.host, self.port) as listening:
            self.port = listening.getsockname()[1]
            server = _Server(config)
            serving = asyncio.create_task(server.serve(sockets=[listening]), name="uvicorn")
            try:
                while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn tells it no other way
                    await asyncio.sleep(0.01)
                self.ready.set()
                await asyncio.shield(serving)
            except asyncio.CancelledError:
                server.should_exit = True
                await serving
                raise


def listening_on(host: str, port: int) -> socket.socket:
    """Return a socket to listen with.

    asyncio switches Nagle's algorithm off only where the protocol is named; else the second part of each answer waits
    for the other side's delayed acknowledgement, 40 ms (RFC 9293 3.7.4).
    """
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
    except BaseException:
        made.close()
        raise
    return made


class _Server(uvicorn.Server):
    """Leaves the signals to the supervisor."""

    def install_signal_handlers(self) -> None:
        """Install none."""
