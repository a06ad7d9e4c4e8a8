"""The gateway of a test: fresh, over an empty database and empty stand-ins."""

from tests.gateway_fixtures import bench as bench
from tests.gateway_fixtures import facts as facts
from tests.gateway_fixtures import running as running
from tests.gateway_fixtures import sql as sql
from tests.gateway_fixtures import stand_ins as stand_ins
from tests.routed import start as start
from tests.routed import trio as trio
