"""Faust's way to Kafka, reading what every consumer reads: no record of a transaction that was aborted or is open.

Faust reads committed records only where it also writes in transactions, which the view does not.
"""

from typing import Any

from faust.transport.drivers import aiokafka as driver
from tongban_runtime.fetching import ISOLATION, install


class _Thread(driver.AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = ISOLATION
        return consumer


class _Consumer(driver.Consumer):
    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)


class CommittedTransport(driver.Transport):
    """The transport of a Faust app whose consumers read as `tongban_runtime.fetching` says."""

    Consumer = _Consumer

    def __init__(self, *arguments: Any, **options: Any) -> None:
        install()
        super().__init__(*arguments, **options)
