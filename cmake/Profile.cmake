# Profile-guided optimisation with clang: code that requests pass lies together, code that they do
# not pass lies apart and is made small. docs/decisions/0028 has the reasons and the gain.
#
#   XC_PROFILE=use    (as it is) compiled by cmake/gateway.profdata, which `./x profile` makes
#   XC_PROFILE=make   counts how often each branch is taken; for `./x profile` alone
#   XC_PROFILE=none   neither
set(XC_PROFILE use CACHE STRING "use | make | none")
set(XC_PROFILE_FILE ${CMAKE_SOURCE_DIR}/cmake/gateway.profdata)

if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19
   OR NOT CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo" OR XC_FUZZ OR XC_SANITIZE
   OR NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|aarch64")
  set(XC_PROFILE none)
endif()
if(XC_PROFILE STREQUAL "make")
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fprofile-generate>)
  add_link_options(-fprofile-generate)
elseif(XC_PROFILE STREQUAL "use" AND EXISTS ${XC_PROFILE_FILE})
  # Functions that were changed since, or never ran, are compiled as without a profile.
  add_compile_options(
    "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-fprofile-use=${XC_PROFILE_FILE} -fsplit-machine-functions>"
    "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Wno-profile-instr-unprofiled -Wno-profile-instr-out-of-date -Wno-backend-plugin>")
  add_link_options(-Wl,-z,keep-text-section-prefix)
endif()
