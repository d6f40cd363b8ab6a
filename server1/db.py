"""The tables of SERVER1, each defined in the module that is about it, and their versions."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import MetaData

from flask_service.schema import Schema

metadata = MetaData()
SCHEMA = Schema(metadata, Path(__file__).with_name("migrations"), "server1")
