"""The one settings module; values come from ``tremplin.config.env`` only."""

from __future__ import annotations

import base64
import hashlib
import os
from importlib import import_module
from typing import Any
from urllib.parse import unquote, urlsplit

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from tremplin.config import local_names
from tremplin.config.env import ROOT, environment, kept_secret, new_rsa_key
from tremplin.kernel.discovery import discover
from tremplin.kernel.trust import Policy

env = environment()
MODE = env.mode
DEMO = env.demo
DEBUG = MODE == "dev"
BASE_DIR = ROOT
DATA_DIR = env.data_dir

TRACE_HOOKS = env.trace_hooks

# --- secrets -----------------------------------------------------------------------------------
SECRET_KEY = env.secret_key or ("" if MODE == "production" else kept_secret(DATA_DIR, "secret-key"))
ENCRYPTION_KEYS = [key.strip() for key in env.encryption_keys.split(",") if key.strip()] or [
    base64.urlsafe_b64encode(hashlib.sha256(b"encryption:" + SECRET_KEY.encode()).digest()).decode()
]

# --- optional parts ----------------------------------------------------------------------------
# Compiled libraries of which any may be absent or fail to load: the product then boots without
# SAML and its page says why.
try:
    import onelogin.saml2.auth  # noqa: F401
    import xmlsec  # noqa: F401
except Exception as error:  # noqa: BLE001  a mismatch of libxml2 raises the library's own class
    SAML_AVAILABLE, SAML_PROBLEM = False, str(error)
else:
    SAML_AVAILABLE, SAML_PROBLEM = True, ""

# --- applications ------------------------------------------------------------------------------
PLUGIN_TRUST = Policy(
    lock=env.plugins_lock,
    keys=env.plugins_trust,
    unsigned=env.allow_unsigned,
    production=MODE == "production",
)
PLUGINS = discover(
    extra_folders=[p for p in env.extra_plugins.split(os.pathsep) if p], trust=PLUGIN_TRUST
)
SHARED_APPS = [
    "tenants",
    "django_tenants",
    "django.contrib.contenttypes",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "tremplin.kernel.state",
    "tremplin.licensing",
    "tremplin.billing",
    "tremplin.marketplace",
    "djstripe",
]
TENANT_APPS = [
    "tremplin.kernel",  # first: its services exist before any other app is ready
    "tremplin.identity",
    "tremplin.sso",  # before allauth, whose pages it replaces
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    *(["allauth.socialaccount.providers.saml"] if SAML_AVAILABLE else []),
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.headless",
    "allauth.idp.oidc",
    "guardian",
    "tremplin.files",
    "tremplin.profiles",
    "tremplin.notifications",
    "tremplin.privacy",
    "tremplin.billing.sales",
    "tremplin.modules",
    "tremplin.portal",
    "tremplin.operations",
    *PLUGINS.django_apps,
]
PRESENTATION_APPS = [
    "django_htmx",
    "django_cotton.apps.SimpleAppConfig",
    "django.forms",
    "ninja",
]
INSTALLED_APPS = [*SHARED_APPS, *TENANT_APPS, *PRESENTATION_APPS]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- tenancy and database ----------------------------------------------------------------------


def database_from_url(url: str) -> dict[str, Any]:
    """Return the connection part of ``DATABASES`` for a ``postgresql://`` address."""
    parts = urlsplit(url)
    return {
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "127.0.0.1",
        "PORT": str(parts.port or 5432),
    }


DATABASES = {
    "default": {
        "ENGINE": "tenants.db",
        **database_from_url(os.environ.get("DATABASE_URL", "postgresql://127.0.0.1:1/tremplin")),
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,  # a restart of the server must not cost one failed page each
        "OPTIONS": {
            "pool": {
                "min_size": 2,
                "max_size": env.db_pool_size,
                "max_lifetime": 600,
                "timeout": 10,
            }
        },
        "TEST": {"MIGRATE": False},
    }
}
DATABASE_ROUTERS = ["tenants.routers.TenancyRouter"]
TENANT_SYNC_ROUTER = "tenants.routers.TenancyRouter"
TENANT_MODEL = "tenants.Tenant"
TENANT_DOMAIN_MODEL = "tenants.Domain"
TENANT_LIMIT_SET_CALLS = True
HQ_HOST = env.hq_host
SPACES_DOMAIN = env.spaces_domain
PUBLIC_SCHEME = "http" if DEMO else env.public_scheme
PUBLIC_PORT = env.public_port
LOCAL_NAMES = DEMO  # spaces of a demonstration call each other by names in .localhost
if LOCAL_NAMES:
    local_names.install()

# The plan of new schools and companies; the tests sell a plan where they need one.
DEFAULT_PLAN = "" if MODE == "test" else "gratuit"

# dj-stripe mirrors what Stripe reports; no business question is asked of it (billing.stripe).
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"
DJSTRIPE_SUBSCRIBER_MODEL = "tenants.Tenant"
DJSTRIPE_SUBSCRIBER_MODEL_REQUEST_CALLBACK = "tremplin.billing.stripe.request_tenant"
STRIPE_API_VERSION = "2026-05-27.dahlia"
TAX_ENGINE = env.tax_engine
INVOICE_TRANSPORT = env.invoice_transport
BILLING_PROVIDER = env.billing_provider
STRIPE_LIVE_MODE = env.stripe_live
STRIPE_TEST_SECRET_KEY = "" if env.stripe_live else env.stripe_key
STRIPE_LIVE_SECRET_KEY = env.stripe_key if env.stripe_live else ""
MIGRATION_MODULES = {"djstripe": "tremplin.billing.djstripe_migrations"}

# --- cache and files ---------------------------------------------------------------------------
CACHES: dict[str, dict[str, Any]] = {
    "default": (
        {"BACKEND": "tenants.redis_cache.TenantRedisCache", "LOCATION": env.cache_url}
        if env.cache_url
        else {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "OPTIONS": {"MAX_ENTRIES": 20_000},
        }
    )
}
for _alias in CACHES.values():
    _alias |= {
        "KEY_FUNCTION": "tenants.cache.make_key",
        "REVERSE_KEY_FUNCTION": "tenants.cache.reverse_key",
    }
STORAGES = {
    "default": {"BACKEND": "tenants.storage.TenantStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
if MODE != "production":
    STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
MEDIA_ROOT = DATA_DIR / "media"
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static" if MODE == "production" else None
STATICFILES_DIRS = [
    (f"themes/{folder.parent.name}", str(folder))
    for folder in sorted((ROOT / "themes").glob("*/static"))
]
WHITENOISE_USE_FINDERS = MODE != "production"
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_MAX_AGE = 3600
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000

# --- requests ----------------------------------------------------------------------------------
ROOT_URLCONF = "tremplin.config.urls"
WSGI_APPLICATION = "tremplin.config.wsgi.application"
ALLOWED_HOSTS = ["*"]  # an unknown host is answered 404 by the tenancy middleware
TRUSTED_PROXIES = [item.strip() for item in env.trusted_proxies.split(",") if item.strip()]
MIDDLEWARE = [
    "tremplin.kernel.health.HealthMiddleware",
    "tremplin.kernel.middleware.ClientAddressMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "tenants.middleware.TenancyMiddleware",
    "tremplin.kernel.middleware.ContentSecurityPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "tremplin.identity.network.middleware.NetworkMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "tremplin.identity.middleware.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "tremplin.identity.support.middleware.SupportVisitMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "tremplin.identity.middleware.PersonMiddleware",
    "tremplin.identity.support.middleware.SupportActorMiddleware",
    "tremplin.identity.network.limits.LimitMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "OPTIONS": {
            "loaders": ["tenants.branding.loaders.ThemeChainLoader"],
            "builtins": [
                "django_cotton.templatetags.cotton",
                "django.templatetags.static",
                "django.templatetags.i18n",
                "tremplin.portal.templatetags.portal",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tremplin.portal.context.shell",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "media-src": [SELF, "blob:"],
        "worker-src": [SELF],
        "manifest-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_HSTS_SECONDS = 0 if DEMO else 31_536_000
X_FRAME_OPTIONS = "DENY"

# --- sessions and cookies: host-only, so that a cookie never reaches a sibling tenant -----------
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEMO
SESSION_COOKIE_NAME = "sessionid" if DEMO else "__Host-sessionid"
CSRF_COOKIE_NAME = "csrftoken" if DEMO else "__Host-csrftoken"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "tremplin.portal.views.errors.csrf_failure"
LANGUAGE_COOKIE_NAME = "language"
LANGUAGE_COOKIE_SAMESITE = "Lax"

# --- people ------------------------------------------------------------------------------------
AUTH_USER_MODEL = "identity.User"
AUTHENTICATION_BACKENDS = [
    "tremplin.identity.backends.RoleBackend",
    "guardian.backends.ObjectPermissionBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("first_name", "last_name", "email")},
    },
]
ANONYMOUS_USER_NAME = None
GUARDIAN_RAISE_403 = False
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/app/"
LOGOUT_REDIRECT_URL = "/"
ALLAUTH_SETTING_GETTER = "tremplin.identity.allauth_settings.getter"
ACCOUNT_ADAPTER = "tremplin.identity.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_CONFIRM_EMAIL_ON_GET = False
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_RATE_LIMITS = {
    "login": "300/m/ip",
    "login_failed": "100/m/ip,5/300s/key",
    "signup": "100/m/ip",
    "reset_password": "100/m/ip,5/m/key",
    "confirm_email": "1/30s/key",
    "request_login_code": "100/m/ip,5/m/key",
}
MFA_ADAPTER = "tremplin.identity.mfa.Adapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_ENABLED = True  # shapes addresses: each space allows it or not
SOCIALACCOUNT_ADAPTER = "tremplin.sso.adapter.SocialAdapter"
SOCIALACCOUNT_LOGIN_ON_GET = False
SOCIALACCOUNT_REQUESTS_TIMEOUT = 10
SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True  # found by a proven domain: linked
HEADLESS_CLIENTS = ("app", "browser")
HEADLESS_TOKEN_STRATEGY = "tremplin.identity.tokens.TenantJWTStrategy"  # noqa: S105  a class
HEADLESS_JWT_ALGORITHM = "HS256"
HEADLESS_JWT_STATEFUL_VALIDATION_ENABLED = True  # an access token dies with its session
HEADLESS_JWT_ROTATE_REFRESH_TOKEN = True
IDP_OIDC_ADAPTER = "tremplin.sso.oidc.provider.ProviderAdapter"
IDP_OIDC_DCR_ENABLED = IDP_OIDC_CIMD_ENABLED = False  # clients are made in the console only
# Only the operator's space reads it: see the getter of identity.
IDP_OIDC_PRIVATE_KEY = env.oidc_private_key.replace("\\n", "\n") or (
    "" if MODE == "production" else kept_secret(DATA_DIR, "oidc-key.pem", new_rsa_key)
)
USERSESSIONS_TRACK_ACTIVITY = True

# --- jobs and realtime -------------------------------------------------------------------------
TASK_APPLICATION = "tremplin.config.celery"
BROKER_URL = env.broker_url
REALTIME_BUS = env.rt_bus
REALTIME_REDIS_URL = next(
    (
        url
        for url in (env.cache_url, env.broker_url)
        if url.startswith(("redis://", "rediss://", "unix://"))
    ),
    "",
)

# --- languages ---------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("fr", _("French")), ("en", _("English"))]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = ["tremplin.config.formats"]

# --- mail --------------------------------------------------------------------------------------
EMAIL_BACKEND = "tremplin.notifications.backends.FolderBackend"
DEFAULT_FROM_EMAIL = env.email_sender
if env.email_url:
    _mail = urlsplit(env.email_url)
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST, EMAIL_PORT = _mail.hostname or "localhost", _mail.port or 25
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = (
        unquote(_mail.username or ""),
        unquote(_mail.password or ""),
    )
    EMAIL_USE_TLS = _mail.scheme == "smtps"
MAIL_DIR = DATA_DIR / "mail"

# --- logs --------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"tenant": {"()": "tremplin.kernel.logs.TenantFilter"}},
    "formatters": {
        "json": {"()": "tremplin.kernel.logs.JsonFormatter"},
        "text": {"format": "{asctime} {levelname} [{tenant}] {name}: {message}", "style": "{"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "filters": ["tenant"],
            "formatter": env.log_format,
        }
    },
    "root": {"handlers": ["stderr"], "level": env.log_level},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "celery": {"level": env.log_level},
        # Through our handler, which masks the tokens of links; the server's own would print them.
        "uvicorn.access": {"handlers": ["stderr"], "propagate": False},
    },
}

if env.settings_overlay:
    for _name, _value in vars(import_module(env.settings_overlay)).items():
        if _name.isupper():
            globals()[_name] = _value
