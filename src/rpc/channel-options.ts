// Channel options that client and server share, and what each needs for a socket on its own host.

import type { ChannelOptions } from '@grpc/grpc-js';
import { LIMITS } from '../limits.js';

const MESSAGE_LIMITS: ChannelOptions = {
  'grpc.max_receive_message_length': LIMITS.messageBytesMax,
  'grpc.max_send_message_length': LIMITS.messageBytesMax,
  // Nobody reads channelz here, and it would count on every call.
  'grpc.enable_channelz': 0,
  // An answer of 40 KB fills most of http2's window of 64 KiB: the next would wait for its update.
  'grpc-node.flow_control_window': 1024 * 1024,
};

export const SERVER_OPTIONS: ChannelOptions = { ...MESSAGE_LIMITS };

export const CLIENT_OPTIONS: ChannelOptions = {
  ...MESSAGE_LIMITS,
  // A server that comes back is found within a second, not after a backoff of minutes.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
  // Nothing outside this host has a say in the connection.
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
  // Repeating a call is its caller's decision: ids make that safe, a library does not know them.
  'grpc.enable_retries': 0,
  'grpc.use_local_subchannel_pool': 1,
};
