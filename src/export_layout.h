// The numbers of layout.h, and those of calls, as lib/ reads them: by name.
#ifndef SENDMSG_SRC_EXPORT_LAYOUT_H_
#define SENDMSG_SRC_EXPORT_LAYOUT_H_

#include <node_api.h>

namespace datagram {

napi_value ExportLayout(napi_env env);

}  // namespace datagram

#endif  // SENDMSG_SRC_EXPORT_LAYOUT_H_
