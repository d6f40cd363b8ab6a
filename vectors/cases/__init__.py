"""The vectors, one module a file of them."""

from .access import access as access
from .algorithms import algorithms as algorithms
from .claims import claims as claims
from .dates import dates as dates
from .form import form as form
from .good import good as good
from .header import header as header
from .json_text import json_text as json_text
from .keys import keys as keys
from .logout import logout as logout
from .signature import signature as signature

GROUPS = (good, form, header, algorithms, signature, json_text, claims, dates, keys, logout, access)
