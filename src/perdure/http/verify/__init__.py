"""Who signs a webhook's requests, and how: for `create_webhook(verify=…)`.

    from perdure.http.verify import GitHub

    github = GitHub(os.environ["GITHUB_SECRET"])

Make one when a module is imported, not in a workflow: the process that serves the webhook's URL finds it by its name,
which is all that a run's log holds. Several secrets are for the time of a rotation: a request that one of them signed
is let through.
"""

from perdure.http.verify.github import GitHub
from perdure.http.verify.signature import SignatureInvalid, check_match, check_time, header
from perdure.http.verify.slack import Slack
from perdure.http.verify.standard_webhooks import StandardWebhooks
from perdure.http.verify.stripe import Stripe
from perdure.http.verify.verifier import VERIFIERS, Verifier

__all__ = [
    "VERIFIERS",
    "GitHub",
    "SignatureInvalid",
    "Slack",
    "StandardWebhooks",
    "Stripe",
    "Verifier",
    "check_match",
    "check_time",
    "header",
]
