/* The well-known types, and those that registries bring along. */
#include "registry/proto_type.h"

#define GOOGLE "syntax = \"proto3\"; package google.protobuf;"
#define WRAPPER(name, type) "message " name " { " type " value = 1; }"

const struct proto_builtin proto_builtins[] = {
    { "google/protobuf/timestamp.proto",
      GOOGLE "message Timestamp { int64 seconds = 1; int32 nanos = 2; }" },
    { "google/protobuf/duration.proto",
      GOOGLE "message Duration { int64 seconds = 1; int32 nanos = 2; }" },
    { "google/protobuf/wrappers.proto",
      GOOGLE WRAPPER("DoubleValue", "double") WRAPPER("FloatValue", "float")
          WRAPPER("Int64Value", "int64") WRAPPER("UInt64Value", "uint64")
              WRAPPER("Int32Value", "int32") WRAPPER("UInt32Value", "uint32")
                  WRAPPER("BoolValue", "bool") WRAPPER("StringValue", "string")
                      WRAPPER("BytesValue", "bytes") },
    { "google/protobuf/struct.proto",
      GOOGLE "message Struct { map<string, Value> fields = 1; }"
             "message Value { oneof kind {"
             "  NullValue null_value = 1; double number_value = 2;"
             "  string string_value = 3; bool bool_value = 4;"
             "  Struct struct_value = 5; ListValue list_value = 6; } }"
             "enum NullValue { NULL_VALUE = 0; }"
             "message ListValue { repeated Value values = 1; }" },
    { "google/protobuf/any.proto",
      GOOGLE "message Any { string type_url = 1; bytes value = 2; }" },
    { "google/protobuf/empty.proto", GOOGLE "message Empty {}" },
    { "google/protobuf/field_mask.proto",
      GOOGLE "message FieldMask { repeated string paths = 1; }" },
    { "confluent/type/decimal.proto",
      "syntax = \"proto3\"; package confluent.type;"
      "message Decimal { bytes value = 1; uint32 precision = 2;"
      "  int32 scale = 3; }" },
    { NULL, NULL },
};
