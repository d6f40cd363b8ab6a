"""The tables of an account service."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0001"
down_revision = None


def upgrade(op: Operations) -> None:
    """Make the tables in an empty database."""
    _create_accounts(op)
    _create_sessions(op)
    _create_clients(op)
    _create_codes(op)
    _create_refresh_tokens(op)
    _create_revoked_tokens(op)
    _create_valid_after(op)
    _create_replay(op)
    _create_throttles(op)
    _create_sent_forms(op)
    _create_audit(op)
    _create_outbox(op)


def _create_accounts(op: Operations) -> None:
    op.create_table(
        "users",
        sa.Column("subject", sa.String(64), primary_key=True),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("email_folded", sa.String(254), nullable=False, unique=True),
        sa.Column("email_verified", sa.Boolean, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "grants",
        sa.Column("subject", sa.String(64), _user(), primary_key=True),
        sa.Column("client_id", sa.String(128), primary_key=True),
        sa.Column("scope", sa.String(1000), nullable=False),
    )
    op.create_table(
        "destinations",
        sa.Column("subject", sa.String(64), _user(), primary_key=True),
        sa.Column("client_id", sa.String(128), nullable=False),
        sa.Column("target", sa.String(2048)),
    )
    op.create_table(
        "consents",
        sa.Column("subject", sa.String(64), _user(), primary_key=True),
        sa.Column("client_id", sa.String(128), primary_key=True),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "mail_links",
        sa.Column("token_sha256", sa.String(64), primary_key=True),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(64), _user(), nullable=False),
        sa.Column("address", sa.String(254), nullable=False),
        sa.Column("browser_sha256", sa.String(64)),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaced_by", sa.String(64)),
        sa.Index("mail_links_by_subject", "subject", "purpose"),
        sa.Index("mail_links_by_expires_at", "expires_at"),
    )


def _create_sessions(op: Operations) -> None:
    op.create_table(
        "sessions",
        sa.Column("id_sha256", sa.String(64), primary_key=True),
        sa.Column("sid", sa.String(64), nullable=False, unique=True),
        sa.Column("subject", sa.String(64), _user(), nullable=False, index=True),
        sa.Column("auth_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("user_agent", sa.String(200), nullable=False),
        sa.Index("sessions_by_last_seen_at", "last_seen_at"),
    )
    op.create_table(
        "client_sessions",
        sa.Column("sid", sa.String(64), _session(), primary_key=True),
        sa.Column("client_id", sa.String(128), primary_key=True),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "expired_client_sessions",
        sa.Column("sid", sa.String(64), primary_key=True),
        sa.Column("client_id", sa.String(128), primary_key=True),
        sa.Column("subject", sa.String(64), _user(), nullable=False, index=True),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Index("expired_client_sessions_by_noted_at", "noted_at"),
    )


def _create_clients(op: Operations) -> None:
    op.create_table(
        "clients",
        sa.Column("client_id", sa.String(128), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("redirect_uris", sa.Text, nullable=False),
        sa.Column("initiate_login_uri", sa.String(1024)),
        sa.Column("backchannel_logout_uri", sa.String(1024)),
        sa.Column("revocation_uri", sa.String(1024)),
        sa.Column("post_logout_redirect_uris", sa.Text, nullable=False),
        sa.Column("resource", sa.String(1024)),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("first_party", sa.Boolean, nullable=False),
        sa.Column("secret_sha256", sa.String(64)),
        sa.Column("previous_secret_sha256", sa.String(64)),
        sa.Column("public_jwk", sa.Text),
        sa.Column("previous_public_jwk", sa.Text),
        sa.Column("previous_until", sa.DateTime(timezone=True)),
        sa.Column("allow_token_endpoint_audience", sa.Boolean, nullable=False),
        sa.Column("granted_scope", sa.Text, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )


def _create_codes(op: Operations) -> None:
    """Make the library's table, in SERVER1's database and under SERVER1's versions."""
    op.create_table(
        "handoff_codes",
        sa.Column("code_sha256", sa.String(64), primary_key=True),
        sa.Column("client_id", sa.String(128), nullable=False),
        sa.Column("redirect_uri", sa.String(1024), nullable=False),
        sa.Column("code_challenge", sa.String(43)),
        sa.Column("nonce", sa.String(255)),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("session_id", sa.String(255), nullable=False),
        sa.Column("auth_time", sa.BigInteger, nullable=False),
        sa.Column("scope", sa.String(1024), nullable=False),
        sa.Column("audience", sa.String(1024), nullable=False),
        sa.Column("access_scope", sa.String(1024), nullable=False),
        sa.Column("jwt_id", sa.String(64), nullable=False, unique=True),
        sa.Column("issued_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("forget_at", sa.BigInteger, nullable=False),
        sa.Column("redeemed", sa.Boolean, nullable=False),
        sa.Column("replayed", sa.Boolean, nullable=False),
        sa.Index("handoff_codes_by_forget_at", "forget_at"),
    )


def _create_refresh_tokens(op: Operations) -> None:
    """Make the library's table, as that of the codes."""
    op.create_table(
        "handoff_refresh_families",
        sa.Column("family_id", sa.String(24), primary_key=True),
        sa.Column("client_id", sa.String(128), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("session_id", sa.String(255), nullable=False),
        sa.Column("auth_time", sa.BigInteger, nullable=False),
        sa.Column("scope", sa.String(1024), nullable=False),
        sa.Column("audience", sa.String(1024), nullable=False),
        sa.Column("access_scope", sa.String(1024), nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger, nullable=False),
        sa.Column("handle_sha256", sa.String(64), nullable=False, unique=True),
        sa.Column("token_sha256", sa.String(64), nullable=False),
        sa.Column("parent_sha256", sa.String(64)),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("forget_at", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.Boolean, nullable=False),
        sa.Index("handoff_refresh_families_by_subject", "subject"),
        sa.Index("handoff_refresh_families_by_forget_at", "forget_at"),
    )


def _create_revoked_tokens(op: Operations) -> None:
    """Make the library's table, as that of the codes."""
    op.create_table(
        "handoff_revoked_tokens",
        sa.Column("jwt_id", sa.String(64), nullable=False),
        sa.Column("forget_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("jwt_id"),
        sa.Index("handoff_revoked_tokens_by_forget_at", "forget_at"),
        sqlite_with_rowid=False,
    )


def _create_valid_after(op: Operations) -> None:
    op.create_table(
        "valid_after",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("valid_after", sa.BigInteger, nullable=False),
        sa.Column("forget_at", sa.BigInteger, nullable=False),
        sa.Index("valid_after_by_forget_at", "forget_at"),
    )


def _create_replay(op: Operations) -> None:
    """Make the library's table, as that of the codes."""
    op.create_table(
        "handoff_replay",
        sa.Column("issuer", sa.String(255), nullable=False),
        sa.Column("jwt_id", sa.String(261), nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("issuer", "jwt_id"),
        sa.Index("handoff_replay_by_expiry", "expires_at"),
        sqlite_with_rowid=False,
    )


def _create_throttles(op: Operations) -> None:
    op.create_table(
        "throttles",
        sa.Column("key_sha256", sa.String(64), primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("pending", sa.Integer, nullable=False),
        sa.Column("resets_at", sa.DateTime(timezone=True), nullable=False),
        sa.Index("throttles_by_resets_at", "resets_at"),
    )
    op.create_table(
        "known_addresses",
        sa.Column("subject", sa.String(64), _user(), primary_key=True),
        sa.Column("network", sa.String(64), primary_key=True),
        sa.Column("last_signed_in_at", sa.DateTime(timezone=True), nullable=False),
    )


def _create_audit(op: Operations) -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.String(40), nullable=False),
        sa.Column("request_id", sa.String(16)),
        sa.Column("subject", sa.String(64)),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("client_id", sa.String(128)),
        sa.Column("detail", sa.String(1200)),
        sa.Column("reason", sa.String(40)),
        sa.Index("audit_by_subject", "subject", "at"),
    )


def _create_outbox(op: Operations) -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("topic", sa.String(128), nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("enqueued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("last_error", sa.String(200)),
        sa.Column("leased_until", sa.DateTime(timezone=True)),
        sa.Column("failed", sa.Boolean, nullable=False),
        sa.Column("is_probe", sa.Boolean, nullable=False),
        sa.Index("outbox_by_due_at", "kind", "failed", "due_at"),
        sa.Index("outbox_probes", "kind", "is_probe", "topic"),
        sqlite_autoincrement=True,
    )


def _user() -> sa.ForeignKey:
    return sa.ForeignKey("users.subject", ondelete="CASCADE")


def _session() -> sa.ForeignKey:
    return sa.ForeignKey("sessions.sid", ondelete="CASCADE")


def _create_sent_forms(op: Operations) -> None:
    op.create_table(
        "sent_forms",
        sa.Column("form_sha256", sa.String(64), primary_key=True),
        sa.Column("location", sa.Text),
        sa.Column("kept", sa.Text),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Index("sent_forms_by_expires_at", "expires_at"),
    )
