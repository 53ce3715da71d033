from bisector import api as _api
from bisector.api import mail as mail
from bisector.api import mark as mark
from bisector.api import page as page
from bisector.api import plan as plan
from bisector.api import read as read
from bisector.api import rejudge as rejudge
from bisector.api import resume as resume
from bisector.api import retest as retest
from bisector.api import start as start
from bisector.api import test as test
from bisector.errors import BisectorError as BisectorError
from bisector.errors import HostError as HostError
from bisector.errors import Interrupted as Interrupted
from bisector.errors import UserError as UserError
from bisector.model import Verdict as Verdict

__version__: str
__all__: list[str]

choose = _api.settings
reported = _api.report
