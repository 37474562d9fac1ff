"""The officers' interface: list tasks, look into one, take it, decide it. Thin: transactions open and close here."""

from fastapi import APIRouter

from tongban_approvals.api import cases, evidence, opinions, procedures, reviews, tasks

router = APIRouter()
router.include_router(tasks.router)
router.include_router(procedures.router)
router.include_router(evidence.router)
router.include_router(reviews.router)
router.include_router(opinions.router)
router.include_router(cases.router)
