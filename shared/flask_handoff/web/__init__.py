"""What both sides do with requests and responses, and what they offer to a whole application.

A guard of a whole application is taken by name: ``answer_only_to(app, base_url)``.
"""

from .cookies import cookie_sent_once as cookie_sent_once
from .problems import problem_details as problem_details
from .request_guards import answer_only_this_machine as answer_only_this_machine
from .request_guards import answer_only_to as answer_only_to
from .request_guards import limit_bodies as limit_bodies
from .request_guards import request_id as request_id
from .responses import PAGE_POLICY as PAGE_POLICY
