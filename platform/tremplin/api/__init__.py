"""The public plugin contract: everything a plugin may import from Tremplin."""

from tremplin.api.context import Decision, Entitlements, PersonRef, TenantContext, TenantRef
from tremplin.api.events import Delivery, Event, Subscriber, publish, subscribe
from tremplin.api.http import Access, ApiRouter, Principal, Problem, operation, view
from tremplin.api.learning import ContentAssigned, Evidence
from tremplin.api.manifest import (
    Feature,
    Manifest,
    NotificationType,
    Permission,
    Role,
    Schedule,
    Text,
    Topic,
)
from tremplin.api.plugin import hookimpl
from tremplin.api.privacy import ExportFile, NoPersonalData, PersonalData, Processing
from tremplin.api.ui import NavItem, NextAction, Section, Widget

API_VERSION = "1.3.0"

__all__ = [
    "API_VERSION",
    "Access",
    "ApiRouter",
    "ContentAssigned",
    "Decision",
    "Delivery",
    "Entitlements",
    "Event",
    "Evidence",
    "ExportFile",
    "Feature",
    "Manifest",
    "NavItem",
    "NextAction",
    "NoPersonalData",
    "NotificationType",
    "Permission",
    "PersonRef",
    "PersonalData",
    "Principal",
    "Problem",
    "Processing",
    "Role",
    "Schedule",
    "Section",
    "Subscriber",
    "TenantContext",
    "TenantRef",
    "Text",
    "Topic",
    "Widget",
    "hookimpl",
    "operation",
    "publish",
    "subscribe",
    "view",
]
