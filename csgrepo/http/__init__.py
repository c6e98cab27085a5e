"""HTTP: a pool of connections, bounded retries, redirects that leave secrets at home.

Every status and every code of the hub becomes an error in one place, `error_for`. Bodies stream
in pieces, and one that is shorter than announced is a failure, whichever way it went.
"""

from csgrepo.http.address import Origin, origin
from csgrepo.http.call import Auth
from csgrepo.http.client import Http
from csgrepo.http.refusal import error_for
from csgrepo.http.transfer import Sink
from csgrepo.http.wire import Response, loading

__all__ = ["Auth", "Http", "Origin", "Response", "Sink", "error_for", "loading", "origin"]
