"""What an approval is called: nothing that fits one run fits another."""

from perdure.chat.approval import APPROVALS, Approval, approval_key


def test_its_token_names_the_run_and_the_call() -> None:
    assert APPROVALS.token(approval_key("wrun_1", "a")) == "perdure-approval:wrun_1:a"
    assert approval_key("wrun_1", "a") != approval_key("wrun_2", "a")
    assert APPROVALS.type is Approval
