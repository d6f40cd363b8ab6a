"""Mail: what is waiting to be sent, what each e-mail says, and how it leaves."""

from __future__ import annotations

from flask import Flask

from . import delivery
from .delivery import Delivery


def init_app(app: Flask, way: Delivery) -> None:
    """Have the application's mail leave by this way."""
    delivery.init_app(app, way)
