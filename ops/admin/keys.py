"""API keys: who has one, making one (its text is on one page, once), and revoking it. A row is never changed otherwise."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.generic import FormView
from unfold.views import UnfoldModelAdminViewMixin
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from marketdata_site.observability import clock
from ops.access.issuing import ADD, EMPOWER, REVOKE, issue, revoke
from ops.access.scopes import Scope
from ops.actors import of_page
from ops.models import ApiKey
from providers.admin.marks import moment, tag
from providers.admin_tools import ReadOnlyAdmin
from providers.api_errors import ApiError

LIST = "admin:ops_apikey_changelist"
LIFETIMES = (("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "until it is revoked"))
MEANS = {
    Scope.READ: "read: data, feed, metrics",
    Scope.OPS: "ops: and everything under /ops but the configuration",
    Scope.ADMIN: "admin: and reload and roll back the configuration",
}
_TONES = {"active": "md-good", "expired": "md-mid", "revoked": "md-bad"}


class KeyForm(forms.Form):
    """What the key is for, and how far it gets."""

    name = forms.CharField(
        max_length=60,
        label="Program",
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "which program will have it", "autocomplete": "off"}),
    )
    scope = forms.ChoiceField(label="It may", widget=UnfoldAdminSelectWidget)
    days = forms.ChoiceField(
        required=False, label="It opens for", choices=LIFETIMES, initial="90", widget=UnfoldAdminSelectWidget
    )

    def __init__(self, *args: Any, may_empower: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["scope"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(one.value, MEANS[one]) for one in Scope if may_empower or one is Scope.READ]


class ReasonForm(forms.Form):
    """Why, where it is worth a word."""

    reason = forms.CharField(max_length=300, required=False, label="Reason (optional)", widget=UnfoldAdminTextInputWidget)


if TYPE_CHECKING:
    _KeyView = FormView[KeyForm]
    _ReasonView = FormView[ReasonForm]
else:
    _KeyView = _ReasonView = FormView  # not subscriptable at run time


@method_decorator(never_cache, name="dispatch")
class MakePage(UnfoldModelAdminViewMixin, _KeyView):  # type: ignore[misc]  # unfold is published without types
    """The answer to its form shows the key: a page that no cache keeps, and that no address leads back to."""

    title = "Make an API key"
    permission_required = ADD
    form_class = KeyForm
    template_name = "admin/ops/key_make.html"

    def get_form_kwargs(self) -> dict[str, Any]:
        """Nobody gives away more than he may."""
        return {**super().get_form_kwargs(), "may_empower": self.request.user.has_perm(EMPOWER)}

    def form_valid(self, form: KeyForm) -> HttpResponse:
        """Make it and show it."""
        now, asked = clock.now(), form.cleaned_data
        expires_at = now + timedelta(days=int(asked["days"])) if asked["days"] else None
        try:
            key, token = issue(
                of_page(self.request), name=asked["name"], scope=Scope(asked["scope"]), expires_at=expires_at, now=now
            )
        except ApiError as error:
            form.add_error(error.field if error.field in form.fields else None, error.message)
            return self.form_invalid(form)
        return self.render_to_response(self.get_context_data(form=form, key=key, text=token.text))


class RevokePage(UnfoldModelAdminViewMixin, _ReasonView):  # type: ignore[misc]
    """Asks first: it can't be undone."""

    title = "Revoke an API key"
    permission_required = REVOKE
    form_class = ReasonForm
    template_name = "admin/ops/key_revoke.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the key. Raises: Http404."""
        return {**super().get_context_data(**kwargs), "key": self._key()}

    def form_valid(self, form: ReasonForm) -> HttpResponse:
        """At once."""
        key = revoke(of_page(self.request), prefix=self._key().prefix, now=clock.now(), reason=form.cleaned_data["reason"])
        messages.success(self.request, f"The {key} opens nothing any more; connections that it opened end within two seconds.")
        return HttpResponseRedirect(reverse(LIST))

    def _key(self) -> ApiKey:
        key: ApiKey = get_object_or_404(ApiKey, pk=self.kwargs["number"])
        if key.revoked_at is not None:
            raise Http404(f"{key} is revoked")
        return key


class StateFilter(admin.SimpleListFilter):
    """Those that open, or those that don't."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The words of `ApiKey.state`."""
        return [(word, word) for word in _TONES]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Few rows: as SQL says it."""
        now = clock.now()
        expired = queryset.filter(revoked_at=None, expires_at__lte=now)
        match self.value():
            case "active":
                return queryset.filter(revoked_at=None).exclude(expires_at__lte=now)
            case "expired":
                return expired
            case "revoked":
                return queryset.exclude(revoked_at=None)
        return queryset


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Newest first. Nobody sees a key again."""

    list_display = ("name", "beginning", "may", "stands", "expires", "used", "made", "act")
    list_display_links = None
    exclude = ("digest",)
    list_filter = (StateFilter, "scope")
    search_fields = ("name__icontains", "prefix__startswith")
    search_help_text = "Name, or the key's beginning"
    ordering = ("-id",)
    sortable_by = ()
    change_list_template = "admin/ops/keys.html"

    def get_urls(self) -> list[URLPattern]:
        """Adds the two pages."""
        make, take = (self.admin_site.admin_view(page.as_view(model_admin=self)) for page in (MakePage, RevokePage))
        pages = [path("make/", make, name="ops_key_make"), path("<int:number>/revoke/", take, name="ops_key_revoke")]
        return [*pages, *super().get_urls()]

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Without the link that those who may not revoke can't follow."""
        return self.list_display if request.user.has_perm(REVOKE) else self.list_display[:-1]

    @admin.display(description="Key begins with")
    def beginning(self, key: ApiKey) -> SafeString:
        """What logs and the audit show of it."""
        return format_html('<code class="md-nowrap">{}</code>', key.prefix)

    @admin.display(description="Scope")
    def may(self, key: ApiKey) -> SafeString:
        """How far it gets."""
        return tag(key.scope, title=MEANS[Scope(key.scope)])

    @admin.display(description="State")
    def stands(self, key: ApiKey) -> SafeString:
        """With the time of its revocation."""
        state = key.state(now=clock.now())
        title = f"{key.revoked_at:%Y-%m-%d %H:%M:%S} UTC" if key.revoked_at else ""
        return tag(state, _TONES[state], title=title)

    @admin.display(description="Expires (UTC)")
    def expires(self, key: ApiKey) -> SafeString:
        """To the second."""
        return moment(key.expires_at)

    @admin.display(description="Last used (UTC)")
    def used(self, key: ApiKey) -> SafeString:
        """To the minute."""
        if key.last_used_at is None:
            return moment(None)
        return format_html('<span class="md-nowrap">{}</span>', f"{key.last_used_at:%Y-%m-%d %H:%M}")

    @admin.display(description="Made (UTC)")
    def made(self, key: ApiKey) -> SafeString:
        """When, by whom."""
        return format_html('{}<br><span class="md-faint">{}</span>', moment(key.created_at), key.created_by)

    @admin.display(description="")
    def act(self, key: ApiKey) -> SafeString:
        """The way to its end, while it opens."""
        if key.state(now=clock.now()) != "active":
            return format_html("{}", "")
        return format_html('<a class="md-link" href="{}">Revoke…</a>', reverse("admin:ops_key_revoke", args=[key.pk]))
