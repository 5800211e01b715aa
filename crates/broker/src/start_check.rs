//! Start-up check over AMQP.
